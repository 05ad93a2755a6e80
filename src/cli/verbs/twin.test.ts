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

const empty = { version: 0, properties: {}, metadata: {} };
const twin = {
  device: 'd',
  desired: { version: 3, properties: { interval: 10, name: 'a\u001b[2J' }, metadata: {} },
  reported: empty,
  delta: { interval: 10 },
};

describe('twin', () => {
  it('get shows both parts, what is to be done, and nothing that steers the terminal', async () => {
    await server(() => ({ body: twin }));
    const { stdout } = await place.run(['twin', 'get', 'd']);
    expect(stdout).toBe(
      'desired   version 3  {"interval":10,"name":"a\\u001b[2J"}\n' +
        'reported  –\n' +
        'to do     {"interval":10}\n' +
        'etag      3.0\n',
    );
    const json = JSON.parse((await place.run(['twin', 'get', 'd', '--json'])).stdout);
    expect(json).toEqual(twin);
    const part = await place.run(['twin', 'get', 'd', '--part', 'delta', '--json']);
    expect(JSON.parse(part.stdout)).toEqual({ interval: 10 });
  });

  it('set takes pairs, JSON, and what is desired no longer', async () => {
    const http = await server(() => ({ body: twin }));
    await place.run(['twin', 'set', 'd', 'interval=10', 'on=true', 'name=x', '--unset', 'old']);
    await place.run(['twin', 'set', 'd', '{"net":{"channel":6}}', '--replace', '--if-match', '3.0']);
    expect(http.seen.map(({ method, path, body }) => [method, path, JSON.parse(body)])).toEqual([
      ['PATCH', '/api/v1/devices/d/twin', { desired: { interval: 10, on: true, name: 'x', old: null } }],
      ['PUT', '/api/v1/devices/d/twin/desired', { net: { channel: 6 } }],
    ]);
    expect(http.seen[1]?.headers['if-match']).toBe('"3.0"');
  });

  it('set wants to be told what', async () => {
    await server(() => ({ body: twin }));
    for (const values of [[], ['nonsense'], ['{"a":'], ['{"a":1}', 'b=2'], ['[1]']])
      expect((await place.run(['twin', 'set', 'd', ...values])).code).toBe(2);
  });

  it('history lists changes', async () => {
    const change = { part: 'reported', version: 2, at: 0, by: 'device:d', patch: { on: true } };
    const http = await server(() => ({
      body: { changes: [change, { ...change, version: 1, patch: undefined }] },
    }));
    const { stdout } = await place.run(['twin', 'history', 'd', '--part', 'reported']);
    expect(stdout).toMatch(/2 +1970-01-01T00:00:00\.000Z +device:d +\{"on":true\}\n +1 .*too long to keep/);
    expect(http.seen[0]?.query.get('part')).toBe('reported');
  });
});

describe('devices presence', () => {
  it('says what and why', async () => {
    await server(() => ({ body: { device: 'd', state: 'overdue', reason: 'silent', since: 0 } }));
    const { stdout } = await place.run(['devices', 'presence', 'd']);
    expect(stdout).toMatch(/state +overdue\nreason +silent\nsince +1970-01-01T00:00:00\.000Z/);
  });
});
