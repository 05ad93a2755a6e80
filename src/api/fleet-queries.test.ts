import { describe, expect, it } from 'vitest';
import { bearer } from '../communication/http/test-support.ts';
import { problem } from '../model/errors.ts';
import { runApi } from './test-support.ts';

async function get(
  api: Awaited<ReturnType<typeof runApi>>,
  path: string,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(api.url + path, { headers: bearer('admin') });
  return { status: response.status, body: await response.json() };
}

describe('fleet queries', () => {
  it('gives the last values of many devices, a page at a time', async () => {
    await using api = await runApi();
    const { body } = await get(api, '/api/v1/telemetry/latest?metric=a,b&metric=c&after=gw&limit=7');
    expect(body).toEqual({
      devices: [
        {
          device: 'station',
          readings: [{ metric: 'temperature', ts: 1_700_000_000_000, value: 21.5, unit: 'Cel' }],
        },
      ],
      next: 'station',
    });
    await get(api, '/api/v1/telemetry/latest');
    expect(api.history.fleetQueries).toEqual([
      { metrics: ['a', 'b', 'c'], after: 'gw', limit: 7 },
      { limit: 100 },
    ]);
  });

  it('ranks devices, by the largest maximum where nothing else is said', async () => {
    await using api = await runApi();
    const { body } = await get(api, '/api/v1/telemetry/top?metric=t');
    expect(body).toEqual({
      metric: 't',
      agg: 'max',
      devices: [{ device: 'station', value: 21.5, unit: 'Cel', count: 7 }],
    });
    await get(api, '/api/v1/telemetry/top?metric=t&from=5&to=9&agg=avg&order=asc&limit=3');
    expect(api.history.fleetQueries).toEqual([
      { metric: 't', aggregate: 'max', limit: 10, ascending: false },
      { metric: 't', aggregate: 'avg', limit: 3, ascending: true, from: 5, to: 9 },
    ]);
  });

  it.each([
    ['latest?limit=0', 'request.invalid'],
    ['latest?limit=1001', 'request.invalid'],
    [`latest?metric=${Array.from({ length: 101 }, (_, at) => `m${at}`).join(',')}`, 'query.invalid'],
    ['top', 'query.invalid'],
    ['top?metric=', 'request.invalid'],
    ['top?metric=t&agg=median', 'request.invalid'],
    ['top?metric=t&limit=1001', 'request.invalid'],
    ['top?metric=t&from=9&to=9', 'query.invalid'],
    ['top?metric=t&from=soon', 'query.invalid'],
  ])('refuses %s', async (path, code) => {
    await using api = await runApi();
    expect((await get(api, `/api/v1/telemetry/${path}`)).body).toMatchObject({ code });
    expect(api.history.fleetQueries).toEqual([]);
  });

  it('passes on what history refuses', async () => {
    await using api = await runApi();
    api.history.failure = problem('query.busy', 'busy');
    expect((await get(api, '/api/v1/telemetry/latest')).status).toBe(503);
    expect((await get(api, '/api/v1/telemetry/top?metric=t')).status).toBe(503);
  });
});
