import { expect, it } from 'vitest';
import { bearer } from '../communication/http/test-support.ts';
import { runApi } from './test-support.ts';

it('tells of single messages where their time went', async () => {
  await using api = await runApi();
  const response = await fetch(`${api.url}/api/v1/traces`, { headers: bearer('admin') });
  expect(await response.json()).toEqual({
    traces: [
      {
        offset: 7,
        origin: 'd1',
        topic: 'v1/d1/telemetry',
        receivedAt: 1_000,
        takenAt: 1_100,
        committedAt: 1_500,
        outcome: 'stored',
        stages: [{ stage: 'validate', seconds: 0.001 }],
      },
    ],
  });
});
