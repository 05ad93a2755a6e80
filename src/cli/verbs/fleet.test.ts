import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeHttp, fakeHttp } from '../test-kit/fake-http.ts';
import { type Workplace, workplace } from '../test-kit/run.ts';

let place: Workplace;
let used: AsyncDisposableStack;
beforeEach(async () => {
  used = new AsyncDisposableStack();
  place = used.use(await workplace());
});
afterEach(() => used.disposeAsync());

async function server(answer: Parameters<typeof fakeHttp>[0]): Promise<FakeHttp> {
  const http = used.use(await fakeHttp(answer));
  await place.serverRuns({ http: http.url, mqtt: null });
  return http;
}

const values = (device: string, value: number | boolean | string) => ({
  device,
  readings: [{ metric: 't', ts: 0, value, unit: 'Cel' }],
});

describe('fleet', () => {
  it('latest follows the pages', async () => {
    const http = await server(({ query }) =>
      query.get('after') === 'a'
        ? { body: { devices: [values('b', 'off\u001b[2J')] } }
        : { body: { devices: [values('a', 21.5)], next: 'a' } },
    );
    const { stdout, code } = await place.run(['fleet', 'latest', 't', 'u']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/a +t +21\.5 +Cel +1970-01-01T00:00:00\.000Z\nb +t +off\\x1b\[2J/);
    expect(http.seen.map(({ path, query }) => [path, query.get('metric'), query.get('after')])).toEqual([
      ['/api/v1/telemetry/latest', 't,u', null],
      ['/api/v1/telemetry/latest', 't,u', 'a'],
    ]);
  });

  it('latest says where it was cut, and goes on from there', async () => {
    const http = await server(() => ({ body: { devices: [values('b', 1)], next: 'b' } }));
    const { stdout, stderr } = await place.run(['fleet', 'latest', '--limit', '1', '--after', 'a']);
    expect(stdout.split('\n')).toHaveLength(4);
    expect(stderr).toContain('--after b');
    expect(Object.fromEntries(http.seen[0]?.query ?? [])).toEqual({ after: 'a', limit: '1' });
    const json = JSON.parse((await place.run(['fleet', 'latest', '--limit', '1', '--json'])).stdout);
    expect(json).toEqual({ devices: [values('b', 1)], next: 'b' });
  });

  it('top prints a ranking', async () => {
    const devices = [
      { device: 'b', value: 30.25, unit: 'Cel', count: 12_345 },
      { device: 'a', value: 7, count: 2 },
    ];
    const http = await server(() => ({ body: { metric: 't', agg: 'max', devices } }));
    const argv = ['fleet', 'top', 't', '--from', '-1d', '--agg', 'max', '--order', 'desc', '--limit', '2'];
    const { stdout } = await place.run(argv);
    expect(stdout).toMatch(/# +device +max +unit +readings\n.*\n1 +b +30\.25 +Cel +12.345\n2 +a +7 +2\n/);
    expect(http.seen[0]?.path).toBe('/api/v1/telemetry/top');
    expect(Object.fromEntries(http.seen[0]?.query ?? [])).toEqual({
      metric: 't',
      from: '-1d',
      agg: 'max',
      order: 'desc',
      limit: '2',
    });
  });

  it.each([
    [['fleet']],
    [['fleet', 'top']],
    [['fleet', 'top', 't', '--agg', 'median']],
    [['fleet', 'top', 't', '--limit', '1001']],
    [['fleet', 'latest', '--limit', '0']],
  ])('%j is wrong usage', async (argv) => {
    expect((await place.run(argv)).code).toBe(2);
  });
});
