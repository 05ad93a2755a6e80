import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FakeHttp, fakeHttp } from '../test-kit/fake-http.ts';
import { type Workplace, workplace } from '../test-kit/run.ts';

let place: Workplace;
let used: AsyncDisposableStack;
beforeEach(async () => {
  used = new AsyncDisposableStack();
  place = used.use(await workplace());
});
afterEach(() => used.disposeAsync());

async function server(body: object): Promise<FakeHttp> {
  const http = used.use(await fakeHttp(() => ({ body })));
  await place.serverRuns({ http: http.url, mqtt: 'mqtt://127.0.0.1:1884' });
  return http;
}

it('--window prints windows, and what is unusual about them', async () => {
  const sums = {
    count: 2,
    min: 1,
    max: 3,
    mean: 2,
    stddev: 1.5,
    last: 3,
    lastTs: 5,
    quantiles: { '0.5': 2 },
  };
  const row = { metric: 't', window: '1min', start: 0, end: 60_000, ...sums };
  const windows = [
    { ...row, revision: 1, cause: 'watermark' },
    { ...row, revision: 2, cause: 'idle' },
  ];
  const http = await server({ device: 'd', windows });
  const { stdout } = await place.run(['query', 'd', 't', '--window', '1min', '--from', '-1h', '--newest']);
  expect(stdout.split('\n').slice(0, 4)).toEqual([
    'start                     seconds  window  metric  count  min  mean  max  stddev  last  q0.5  note',
    '────────────────────────  ───────  ──────  ──────  ─────  ───  ────  ───  ──────  ────  ────  ──────────────────────────────────────',
    '1970-01-01T00:00:00.000Z       60  1min    t           2    1     2    3     1.5     3     2',
    '1970-01-01T00:00:00.000Z       60  1min    t           2    1     2    3     1.5     3     2  amended, revision 2; closed by silence',
  ]);
  expect(http.seen[0]?.path).toBe('/api/v1/devices/d/windows');
  expect(Object.fromEntries(http.seen[0]?.query ?? [])).toEqual({
    window: '1min',
    metric: 't',
    from: '-1h',
    order: 'desc',
  });
  expect((await place.run(['query', 'd', '--window', 'all', '--agg', 'avg', '--interval', '1m'])).code).toBe(
    2,
  );
});
