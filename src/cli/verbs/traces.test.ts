import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FakeHttp, fakeHttp } from '../test-kit/fake-http.ts';
import { type Workplace, workplace } from '../test-kit/run.ts';

const trace = {
  offset: 7,
  origin: 'd1',
  topic: 'v1/d1/telemetry',
  receivedAt: 1_000,
  takenAt: 1_100,
  committedAt: 1_500,
  outcome: 'stored',
  stages: [{ stage: 'validate', seconds: 0.001_5 }],
};

let place: Workplace;
let http: FakeHttp;
let traces: readonly unknown[] = [];

beforeEach(async () => {
  place = await workplace();
  http = await fakeHttp(() => ({ body: { traces } }));
  await place.serverRuns({ http: http.url, mqtt: null });
});
afterEach(async () => {
  await http[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

it('shows of each message how long it waited, worked and was on its way', async () => {
  traces = [trace, { ...trace, outcome: 'quarantined', stages: [] }];
  const { stdout, code } = await place.run(['traces']);
  expect(code).toBe(0);
  expect(stdout).toMatch(/d1 +v1\/d1\/telemetry +stored +100 ms +1500 µs +500 ms/);
  expect(stdout).toMatch(/quarantined +100 ms +– +500 ms/);
  expect(JSON.parse((await place.run(['traces', '--json'])).stdout)).toEqual({ traces });
});

it('says that there is nothing to show', async () => {
  traces = [];
  expect((await place.run(['traces'])).stdout).toContain('nothing was received');
});
