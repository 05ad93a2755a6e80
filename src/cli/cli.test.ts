import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeHttp, fakeHttp, problemAnswer, type SeenRequest } from './test-kit/fake-http.ts';
import { type Workplace, workplace } from './test-kit/run.ts';

let place: Workplace;
let used: AsyncDisposableStack;
beforeEach(async () => {
  used = new AsyncDisposableStack();
  place = used.use(await workplace());
});
afterEach(() => used.disposeAsync());

type Answer = Parameters<typeof fakeHttp>[0];

async function server(answer: Answer): Promise<FakeHttp> {
  const http = used.use(await fakeHttp(answer));
  await place.serverRuns({ http: http.url, mqtt: 'mqtt://127.0.0.1:1884' });
  return http;
}

describe('usage', () => {
  it.each([
    [[]],
    [['nonsense']],
    [['devices']],
    [['query']],
    [['query', 'd', '--limit', '0']],
    [['query', 'd', '--agg', 'median']],
    [['token', '--lifetime', '5']],
    [['export', '--device', 'd', '--format', 'xml', '--output', 'x']],
    [['tail', '--for', 'ever']],
    [['send', 'd', '21.5']],
    [['send', 'd', '{"a":1}', 'b=2']],
    [['send', 'd', 'a=1', '--ts', 'later']],
    [['replay', 'weather.csv']],
    [['replay', 'weather.csv', '--device', 'd', '--speed', 'fast']],
    [['replay', 'weather.csv', '--device', 'd', '--where', 'Seattle']],
    [['simulate', '--devices', '0']],
    [['simulate', '--late', '0.6', '--malformed', '0.6']],
    [['simulate', '--devices', '1', '--rate', '2000']],
    [['simulate', '--prefix', '@x']],
    [['token', '--url', 'localhost:8080']],
  ])('%j is wrong usage: exit 2, nothing on standard output', async (argv) => {
    const { code, stdout, stderr } = await place.run(argv);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).not.toBe('');
  });

  it('shows help on standard output and exits 0', async () => {
    const { code, stdout } = await place.run(['devices', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('credentials');
  });
});

describe('finding the server', () => {
  it('says that none runs, with code and cure', async () => {
    const { code, stdout, stderr } = await place.run(['token']);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain('[server.unreachable]');
    expect(stderr).toContain('npm start');
  });

  it('says so as JSON, on standard error, with --json', async () => {
    const { stdout, stderr } = await place.run(['devices', 'list', '--json']);
    expect(stdout).toBe('');
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'server.unreachable' } });
  });

  it('does not trust a run file whose process is gone', async () => {
    await place.serverRuns({ http: 'http://127.0.0.1:9', pid: 2 ** 22 + 1 });
    const { stderr } = await place.run(['token']);
    expect(stderr).toContain('which is gone');
  });

  it('says where nobody answers', async () => {
    await place.serverRuns({ http: 'http://127.0.0.1:9' });
    const { code, stderr } = await place.run(['token']);
    expect(code).toBe(1);
    expect(stderr).toContain('http://127.0.0.1:9');
    expect(stderr).toContain('[server.unreachable]');
  });

  it('finds the data directory by flag, environment and sensorium.yaml, in this order', async () => {
    const at = async (argv: readonly string[], env = {}) =>
      (await place.run(['token', ...argv], { env })).stderr;
    await writeFile(join(place.cwd, 'sensorium.yaml'), 'dataDir: from-file\nlogLevel: info\n');
    expect(await at([])).toContain('from-file/run.json');
    expect(await at([], { SENSORIUM_DATA_DIR: 'from-env' })).toContain('from-env/run.json');
    expect(await at(['--data-dir', 'from-flag'], { SENSORIUM_DATA_DIR: 'x' })).toContain(
      'from-flag/run.json',
    );
  });

  it('asks for a token with --url, and uses it', async () => {
    const http = used.use(await fakeHttp(() => ({ body: { token: 't', expiresAt: 1 } })));
    const without = await place.run(['token', '--url', http.url]);
    expect(without.stderr).toContain('[auth.required]');
    const { code } = await place.run(['token', '--url', http.url], { env: { SENSORIUM_TOKEN: 'mine' } });
    expect(code).toBe(0);
    expect(http.seen[0]?.headers['authorization']).toBe('Bearer mine');
  });

  it('does not take any answer for the server', async () => {
    await server(() => ({ type: 'text/html', body: '<h1>router</h1>' }));
    const { code, stderr } = await place.run(['token']);
    expect(code).toBe(1);
    expect(stderr).toContain('does not answer like Sensorium');
  });

  it("shows the server's problem with its code and cure, even one it does not know", async () => {
    await server(() => problemAnswer(409, 'future.code', 'it is so'));
    const { code, stderr } = await place.run(['devices', 'add', 'd']);
    expect(code).toBe(1);
    expect(stderr).toContain('[future.code]');
    expect(stderr).toContain('it is so');
    expect(stderr).toContain('Do it otherwise.');
  });
});

describe('token', () => {
  it('prints the bare token, and asks for what was wanted', async () => {
    const http = await server(() => ({ body: { token: 'jwt', expiresAt: 5 } }));
    const { stdout } = await place.run(['token', '--subject', 'ann', '--role', 'viewer', '--lifetime', '2h']);
    expect(stdout).toBe('jwt\n');
    expect(JSON.parse(http.seen[0]?.body ?? '')).toEqual({
      subject: 'ann',
      role: 'viewer',
      lifetimeS: 7_200,
    });
    expect(http.seen[0]?.headers['authorization']).toBe('Bearer local-token');
    expect(JSON.parse((await place.run(['token', '--json'])).stdout)).toEqual({ token: 'jwt', expiresAt: 5 });
  });
});

describe('devices', () => {
  const device = {
    id: 'd-1',
    name: 'Lamp\u001b[2J',
    profile: 'open',
    gateway: false,
    createdAt: 0,
    version: 1,
  };

  it('add --json answers id and token', async () => {
    const http = await server(() => ({ status: 201, body: { device, token: 'secret' } }));
    const argv = ['devices', 'add', 'd-1', '--gateway', '--preset', 'tasmota', '--topic-base', 'x', '--json'];
    expect(JSON.parse((await place.run(argv)).stdout)).toEqual({ id: 'd-1', token: 'secret' });
    expect(JSON.parse(http.seen[0]?.body ?? '')).toEqual({
      id: 'd-1',
      gateway: true,
      preset: 'tasmota',
      topicBase: 'x',
    });
  });

  it('add prints the token once with commands to paste', async () => {
    const http = await server(() => ({ status: 201, body: { device, token: 'secret' } }));
    const { stdout } = await place.run(['devices', 'add', 'd-1']);
    expect(stdout).toContain('mosquitto_pub -h 127.0.0.1 -p 1884 -u d-1 -P secret -q 1 -t v1/d-1/telemetry');
    expect(stdout).toContain(`${http.url}/api/v1/devices/d-1/telemetry`);
  });

  it('list follows the pages to the end, and no terminal sequence gets through', async () => {
    const http = await server(({ query }) => {
      const second = query.get('after') === 'd-1';
      const body = { devices: [second ? { ...device, id: 'd-2' } : device], total: 2 };
      return { body: second ? body : { ...body, next: 'd-1' } };
    });
    const { stdout } = await place.run(['devices', 'list', '--text', 'd']);
    expect(stdout).toContain('d-2');
    expect(stdout).not.toContain('\u001b');
    expect(http.seen.map(({ query }) => query.get('text'))).toEqual(['d', 'd']);
    const limited = await place.run(['devices', 'list', '--limit', '1', '--json']);
    expect(JSON.parse(limited.stdout)).toMatchObject({ devices: [{ id: 'd-1' }], total: 2 });
  });

  it('remove goes through the list and tells what it got to', async () => {
    await server(({ path }) =>
      path.endsWith('/b') ? problemAnswer(404, 'device.unknown', 'no b') : { status: 204 },
    );
    const { code, stdout, stderr } = await place.run(['devices', 'remove', 'a', 'b', 'c', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({ removed: ['a'] });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'device.unknown' } });
  });

  it('credentials --rotate revokes first, --revoke only revokes', async () => {
    const http = await server(({ method }) =>
      method === 'DELETE' ? { status: 204 } : { status: 201, body: { id: 'd', token: 'new' } },
    );
    const rotated = await place.run(['devices', 'credentials', 'd', '--rotate', '--json']);
    expect(JSON.parse(rotated.stdout)).toEqual({ id: 'd', token: 'new' });
    await place.run(['devices', 'credentials', 'd', '--revoke']);
    expect(http.seen.map(({ method }) => method)).toEqual(['DELETE', 'POST', 'DELETE']);
  });
});

describe('send', () => {
  const accept = ({ body }: SeenRequest) => ({
    body: { accepted: body.trim().split('\n').length, rejected: [] },
  });

  it('makes readings of pairs, with their types', async () => {
    const http = await server(accept);
    const pairs = ['t=21.5', 'n=-3e2', 'on=true', 'mode=eco=1', 'id=0x10'];
    const { code, stdout } = await place.run(['send', 'd', ...pairs]);
    expect(code).toBe(0);
    expect(stdout).toBe('accepted 1, rejected 0\n');
    expect(JSON.parse(http.seen[0]?.body ?? '')).toEqual({
      t: 21.5,
      n: -300,
      on: true,
      mode: 'eco=1',
      id: '0x10',
    });
  });

  it('puts a time beside them', async () => {
    const http = await server(accept);
    await place.run(['send', 'd', 't=1', '--ts', '2026-01-01T00:00:00Z']);
    expect(JSON.parse(http.seen[0]?.body ?? '')).toEqual({ ts: Date.UTC(2026, 0, 1), values: { t: 1 } });
  });

  it('passes a JSON payload on as it is, even a broken one: the server says what is wrong', async () => {
    const http = await server(() => problemAnswer(400, 'payload.not_json', 'position 3'));
    const { code, stderr } = await place.run(['send', 'd', '{"t":']);
    expect(http.seen[0]?.body).toBe('{"t":');
    expect(code).toBe(1);
    expect(stderr).toContain('payload.not_json');
  });

  it('exits 1 when anything was rejected, and says what', async () => {
    const rejected = [{ index: 0, code: 'reading.type', message: 'no number' }];
    await server(() => ({ body: { accepted: 0, rejected } }));
    const { code, stderr } = await place.run(['send', 'd', 't=1']);
    expect(code).toBe(1);
    expect(stderr).toContain('item 0: [reading.type] no number');
    const json = await place.run(['send', 'd', 't=1', '--json']);
    expect(JSON.parse(json.stdout)).toEqual({ accepted: 0, rejected, rejectedTotal: 1 });
  });

  it('sends standard input in batches, counting items over all of them', async () => {
    const lines = Array.from({ length: 10_001 }, (_, i) => `{"t":${i}}`).join('\n');
    const http = await server((request) => {
      const count = request.body.trim().split('\n').length;
      const rejected = count === 1 ? [{ index: 0, code: 'reading.type', message: 'x' }] : [];
      return { body: { accepted: count - rejected.length, rejected } };
    });
    const { code, stdout } = await place.run(['send', 'd', '--json'], { input: `${lines}\r\n\r\n` });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ accepted: 10_000, rejected: [{ index: 10_000 }] });
    expect(http.seen.map(({ headers }) => headers['content-type'])).toEqual(
      Array.from({ length: 2 }, () => 'application/x-ndjson'),
    );
  });

  it('does not keep a line waiting for the next one', async () => {
    const http = await server(accept);
    const stdin = new PassThrough();
    stdin.write('{"t":1}\n');
    const sending = place.run(['send', 'd'], { stdin });
    while (http.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    stdin.end('{"t":2}\n');
    expect((await sending).stdout).toBe('accepted 2, rejected 0\n');
  });
});

describe('query and export', () => {
  const readings = [
    { metric: 'temperature', ts: 0, value: 21.123456789012, unit: 'Cel' },
    { metric: 'note', ts: 1_000, value: 'a\tb' },
  ];

  it('prints an aligned table, and passes the range on as it was given', async () => {
    const http = await server(() => ({ body: { device: 'd', readings } }));
    const argv = ['query', 'd', 'temperature', 'note', '--from', '-1h', '--interval', '1m', '--agg', 'avg'];
    const { stdout } = await place.run([...argv, '--newest', '--limit', '1_000']);
    expect(stdout.split('\n')).toEqual([
      'time                      metric       value        unit',
      '────────────────────────  ───────────  ───────────  ────',
      '1970-01-01T00:00:00.000Z  temperature  21.12345679  Cel',
      '1970-01-01T00:00:01.000Z  note         a\\x09b',
      '',
    ]);
    expect(Object.fromEntries(http.seen[0]?.query ?? [])).toEqual({
      metric: 'temperature,note',
      from: '-1h',
      interval: '1m',
      agg: 'avg',
      limit: '1000',
      order: 'desc',
    });
  });

  it('--json prints what the server answered', async () => {
    await server(() => ({ body: { device: 'd', readings } }));
    expect(JSON.parse((await place.run(['query', 'd', '--json'])).stdout)).toEqual({ device: 'd', readings });
  });

  it('--latest asks for the last values', async () => {
    const http = await server(() => ({ body: { device: 'd', readings } }));
    await place.run(['query', 'd', 'temperature', '--latest']);
    expect(http.seen[0]?.path).toBe('/api/v1/devices/d/latest');
  });

  it('writes a file whole, or prints it', async () => {
    const http = await server(({ query }) =>
      query.get('agg') === 'count'
        ? { body: { readings: [{ metric: 'a', ts: 0, value: 1 }] } }
        : { type: 'text/csv', body: 'ts,value\n0,1\n' },
    );
    expect((await place.run(['query', 'd', '--format', 'csv'])).stdout).toBe('ts,value\n0,1\n');
    const argv = [
      'export',
      '--device',
      'd',
      '--format',
      'csv',
      '--output',
      'out.csv',
      '--metric',
      'a',
      '--metric',
      'b',
    ];
    const { code, stdout } = await place.run([...argv, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ device: 'd', format: 'csv', file: 'out.csv', bytes: 13 });
    expect(await readFile(join(place.cwd, 'out.csv'), 'utf8')).toBe('ts,value\n0,1\n');
    expect(http.seen[2]?.query.get('metric')).toBe('a,b');
    expect(http.seen[2]?.query.get('limit')).toBe('1000000');
  });

  it('refuses to write a file that would end in the middle', async () => {
    await server(() => ({ body: { readings: [{ metric: 'a', ts: 0, value: 1_000_001 }] } }));
    const argv = ['export', '--device', 'd', '--format', 'parquet', '--output', 'out.parquet'];
    const { code, stderr } = await place.run(argv);
    expect(code).toBe(1);
    expect(stderr).toContain('[query.too_wide]');
    expect(stderr).toContain('1,000,001 readings');
  });

  it('says when the table was cut', async () => {
    await server(() => ({ body: { readings } }));
    expect((await place.run(['query', 'd', '--limit', '2'])).stderr).toContain('cut at 2 readings');
    expect((await place.run(['query', 'd', '--limit', '3'])).stderr).toBe('');
  });

  it('says when the file cannot be written, and leaves nothing behind', async () => {
    await server(() => ({ type: 'text/csv', body: 'x' }));
    const limit = ['--limit', '10'];
    const { code, stderr } = await place.run([
      'export',
      '--device',
      'd',
      '--format',
      'csv',
      '--output',
      'no/such/folder/out.csv',
      ...limit,
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain('[file.unwritable]');
  });
});
