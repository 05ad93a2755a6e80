import { describe, expect, it } from 'vitest';
import { bearer } from '../communication/http/test-support.ts';
import { problem } from '../model/errors.ts';
import { runApi } from './test-support.ts';

type Api = Awaited<ReturnType<typeof runApi>>;
interface Ask {
  readonly token?: string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

function ask(api: Api, method: string, path: string, { token = 'admin', body, headers = {} }: Ask = {}) {
  return fetch(api.url + path, {
    method,
    headers: {
      ...(token === null ? {} : bearer(token)),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function answerOf(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>;
}

const GUARDED: readonly { readonly method: string; readonly path: string; readonly body?: object }[] = [
  { method: 'POST', path: '/api/v1/tokens', body: {} },
  { method: 'GET', path: '/api/v1/devices' },
  { method: 'POST', path: '/api/v1/devices', body: { id: 'new' } },
  { method: 'GET', path: '/api/v1/devices/station' },
  { method: 'PATCH', path: '/api/v1/devices/station', body: { name: 'n' } },
  { method: 'DELETE', path: '/api/v1/devices/station' },
  { method: 'POST', path: '/api/v1/devices/station/credentials' },
  { method: 'DELETE', path: '/api/v1/devices/station/credentials' },
  { method: 'GET', path: '/api/v1/devices/station/telemetry' },
  { method: 'GET', path: '/api/v1/devices/station/latest' },
  { method: 'GET', path: '/api/v1/devices/station/windows' },
  { method: 'GET', path: '/api/v1/telemetry/latest' },
  { method: 'GET', path: '/api/v1/telemetry/top?metric=t' },
  { method: 'GET', path: '/api/v1/devices/station/history' },
  { method: 'GET', path: '/api/v1/devices/station/presence' },
  { method: 'GET', path: '/api/v1/devices/station/twin' },
  { method: 'GET', path: '/api/v1/devices/station/twin/history' },
  { method: 'PATCH', path: '/api/v1/devices/station/twin', body: { desired: {} } },
  { method: 'PUT', path: '/api/v1/devices/station/twin/desired', body: {} },
  { method: 'PATCH', path: '/api/v1/devices/station/twin/reported', body: {} },
  { method: 'GET', path: '/api/v1/devices/station/commands' },
  { method: 'POST', path: '/api/v1/devices/station/commands/ask', body: {} },
  { method: 'GET', path: '/api/v1/commands/r1' },
  { method: 'DELETE', path: '/api/v1/commands/r1' },
  { method: 'GET', path: '/api/v1/groups' },
  { method: 'GET', path: '/api/v1/groups/floor' },
  { method: 'POST', path: '/api/v1/groups', body: { id: 'roof' } },
  { method: 'DELETE', path: '/api/v1/groups/floor' },
  { method: 'GET', path: '/api/v1/bulk/devices' },
  { method: 'POST', path: '/api/v1/bulk/devices', body: [] },
  { method: 'DELETE', path: '/api/v1/profiles/spare' },
  { method: 'GET', path: '/api/v1/clients' },
  { method: 'GET', path: '/api/v1/clients/7' },
  { method: 'DELETE', path: '/api/v1/clients/7' },
  { method: 'GET', path: '/api/v1/profiles' },
  { method: 'GET', path: '/api/v1/profiles/open' },
  { method: 'POST', path: '/api/v1/profiles', body: { id: 'p', version: 1, metrics: {} } },
  { method: 'GET', path: '/api/v1/quarantine' },
  { method: 'GET', path: '/api/v1/quarantine/7' },
  { method: 'DELETE', path: '/api/v1/quarantine/7' },
  { method: 'DELETE', path: '/api/v1/quarantine' },
  { method: 'POST', path: '/api/v1/quarantine/replay', body: {} },
  { method: 'GET', path: '/api/v1/ledger' },
  { method: 'GET', path: '/api/v1/dead-letters' },
  { method: 'GET', path: '/api/v1/retention' },
  { method: 'GET', path: '/api/v1/retention/preview' },
  { method: 'GET', path: '/api/v1/system' },
  { method: 'GET', path: '/api/v1/traces' },
  { method: 'GET', path: '/api/v1/events' },
  { method: 'GET', path: '/api/v1/live' },
  { method: 'GET', path: '/metrics' },
];
const FOR_VIEWERS = [
  'presence',
  'twin',
  'devices',
  'profiles',
  'station',
  'open',
  'telemetry',
  'latest',
  'top',
  'windows',
  'history',
  'groups',
  'floor',
  'live',
  'events',
];

describe('every route', () => {
  it.each(GUARDED)('$method $path wants credentials, and the right', async ({ method, path, body }) => {
    await using api = await runApi();
    expect((await ask(api, method, path, { token: null, body })).status).toBe(401);
    const mayRead = method === 'GET' && FOR_VIEWERS.includes(path.split('/').at(-1)?.split('?')[0] ?? '');
    const viewer = await ask(api, method, path, { token: 'viewer', body });
    expect(viewer.status === 403).toBe(!mayRead);
    await viewer.body?.cancel();
    const admin = await ask(api, method, path, { body });
    // Not upgraded to a WebSocket, /live is the one that answers 400.
    expect(admin.status).toBeOneOf(path.endsWith('/live') ? [400] : [200, 201, 204]);
    await admin.body?.cancel();
  });

  it('is open only where the contract says so', async () => {
    await using api = await runApi();
    for (const path of ['/healthz', '/readyz', '/api/openapi.json']) {
      expect((await ask(api, 'GET', path, { token: null })).status).toBe(200);
    }
  });
});

describe('devices', () => {
  it('are registered with a token, by whom is told, and not twice', async () => {
    await using api = await runApi();
    const added = await ask(api, 'POST', '/api/v1/devices', { body: { id: 'new' } });
    expect(added.status).toBe(201);
    expect(added.headers.get('location')).toBe('/api/v1/devices/new');
    expect(added.headers.get('etag')).toBe('"1"');
    expect(added.headers.get('cache-control')).toBe('no-store');
    expect(await answerOf(added)).toMatchObject({ device: { id: 'new', version: 1 }, token: 'token-of-new' });
    expect(api.registry.byWhom).toEqual(['user:admin']);
    expect((await ask(api, 'POST', '/api/v1/devices', { body: { id: 'new' } })).status).toBe(409);
  });

  it('names every field that is wrong, with what is allowed', async () => {
    await using api = await runApi();
    const body = { name: 7, preset: 'nonsense', foo: 1 };
    const refused = await ask(api, 'POST', '/api/v1/devices', { body });
    expect(refused.status).toBe(400);
    const { code, errors } = await answerOf(refused);
    expect(code).toBe('request.invalid');
    expect(errors).toEqual(
      expect.arrayContaining([
        { field: 'body.id', message: 'is missing' },
        { field: 'body.name', message: 'must be text of 0 to 256 characters' },
        { field: 'body.foo', message: 'is not known here' },
        expect.objectContaining({
          field: 'body.preset',
          allowed: expect.arrayContaining(['shelly']) as unknown,
        }),
      ]),
    );
    for (const other of [[], 'text', 5, null]) {
      expect((await ask(api, 'POST', '/api/v1/devices', { body: other })).status).toBe(400);
    }
  });

  it('are listed with bounds on the page, each parameter once', async () => {
    await using api = await runApi();
    expect(await answerOf(await ask(api, 'GET', '/api/v1/devices?limit=2&text=a'))).toMatchObject({
      total: 3,
    });
    expect(api.registry.lastQuery).toMatchObject({ limit: 2, text: 'a' });
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'limit=1&limit=2', 'nope=1', '__proto__=1']) {
      const refused = await ask(api, 'GET', `/api/v1/devices?${query}`);
      expect(refused.status).toBe(400);
      const { detail } = await answerOf(refused);
      expect(detail).toContain(`query.${query.split('=')[0]}`);
    }
  });

  it('carry their version as ETag: known ones are not sent, outdated changes are refused', async () => {
    await using api = await runApi();
    const path = '/api/v1/devices/station';
    const etag = (await ask(api, 'GET', path)).headers.get('etag') ?? '';
    expect((await ask(api, 'GET', path, { headers: { 'if-none-match': etag } })).status).toBe(304);
    const first = await ask(api, 'PATCH', path, { body: { name: 'A' }, headers: { 'if-match': etag } });
    expect(first.headers.get('etag')).toBe('"2"');
    const late = await ask(api, 'PATCH', path, { body: { name: 'B' }, headers: { 'if-match': etag } });
    expect(late.status).toBe(412);
    expect((await ask(api, 'DELETE', path, { headers: { 'if-match': etag } })).status).toBe(412);
    expect((await ask(api, 'PATCH', path, { body: {}, headers: { 'if-match': 'junk' } })).status).toBe(400);
    expect((await ask(api, 'PATCH', path, { body: {}, headers: { 'if-match': '*' } })).status).toBe(200);
    expect((await ask(api, 'DELETE', path, { headers: { 'if-match': '"3"' } })).status).toBe(204);
    expect((await ask(api, 'GET', path)).status).toBe(404);
  });

  it('get new tokens and lose all of them; unknown ones are 404', async () => {
    await using api = await runApi();
    const issued = await ask(api, 'POST', '/api/v1/devices/station/credentials');
    expect(await answerOf(issued)).toEqual({ id: 'station', token: 'token-of-station' });
    expect((await ask(api, 'DELETE', '/api/v1/devices/station/credentials')).status).toBe(204);
    expect(api.security.revoked).toEqual(['station']);
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/credentials'],
      ['DELETE', '/credentials'],
      ['GET', '/telemetry'],
      ['GET', '/latest'],
      ['GET', '/windows'],
    ] as const) {
      const answer = await ask(api, method, `/api/v1/devices/ghost${path}`);
      expect(await answerOf(answer)).toMatchObject({ code: 'device.unknown', status: 404 });
    }
  });
});

describe('telemetry read back', () => {
  const path = '/api/v1/devices/station/telemetry';

  it('turns the parameters into one query', async () => {
    await using api = await runApi();
    const from = '2026-01-01T00:00:00Z';
    await ask(
      api,
      'GET',
      `${path}?metric=a,b&metric=c&from=${from}&to=1800000000000&interval=1m&agg=max&limit=5`,
    );
    await ask(api, 'GET', `${path}?order=desc`);
    expect(api.history.queries).toEqual([
      {
        device: 'station',
        metrics: ['a', 'b', 'c'],
        from: Date.parse(from),
        to: 1_800_000_000_000,
        intervalMs: 60_000,
        aggregate: 'max',
        limit: 5,
        descending: false,
      },
      { device: 'station', limit: 1_000, descending: true },
    ]);
  });

  it('answers JSON, CSV or Parquet, by parameter or Accept', async () => {
    await using api = await runApi();
    expect(await answerOf(await ask(api, 'GET', path))).toEqual({
      device: 'station',
      readings: [{ metric: 'temperature', ts: 1_700_000_000_000, value: 21.5, unit: 'Cel' }],
    });
    const csv = await ask(api, 'GET', `${path}?format=csv`);
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(csv.headers.get('content-disposition')).toBe('attachment; filename="station.csv"');
    expect(await csv.text()).toBe('csv of station');
    const accept = 'application/vnd.apache.parquet';
    const parquet = await ask(api, 'GET', path, { headers: { accept } });
    expect(parquet.headers.get('content-type')).toBe(accept);
    expect(await parquet.text()).toBe('parquet of station');
  });

  it('passes on what history refuses, and the latest of the metrics asked for', async () => {
    await using api = await runApi();
    await ask(api, 'GET', '/api/v1/devices/station/latest?metric=a,b');
    expect(api.history.latestMetrics).toEqual(['a', 'b']);
    api.history.failure = problem('query.busy', 'busy');
    for (const what of ['telemetry', 'telemetry?format=csv', 'latest', 'windows']) {
      const answer = await ask(api, 'GET', `/api/v1/devices/station/${what}`);
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toBe('1');
    }
    const system = await answerOf(await ask(api, 'GET', '/api/v1/system'));
    expect(system).toMatchObject({ version: '9.9.9', totals: null, log: { durable: 3, sizeBytes: 4_096 } });
  });
});

describe('windows read back', () => {
  it('turns the parameters into one query, and answers what was told', async () => {
    await using api = await runApi();
    const told = {
      metric: 'a',
      window: '10min',
      start: 600_000,
      end: 1_200_000,
      count: 2,
      min: 1,
      max: 3,
      mean: 2,
      stddev: Number.POSITIVE_INFINITY,
      last: 3,
      lastTs: 700_000,
      quantiles: { '0.5': 2 },
      revision: 2,
      cause: 'idle' as const,
    };
    api.history.windowRows = [told];
    const path = '/api/v1/devices/station/windows';
    const answer = await ask(api, 'GET', `${path}?window=10min&metric=a,b&from=5&to=9&limit=7&order=desc`);
    expect(await answerOf(answer)).toEqual({ device: 'station', windows: [{ ...told, stddev: null }] });
    expect(api.history.windowQueries).toEqual([
      { device: 'station', window: '10min', metrics: ['a', 'b'], from: 5, to: 9, limit: 7, descending: true },
    ]);
    expect(await answerOf(await ask(api, 'GET', `${path}?from=9&to=9`))).toMatchObject({
      code: 'query.invalid',
    });
  });
});

describe('profiles', () => {
  it('are added once per version and told apart when unknown', async () => {
    await using api = await runApi();
    const profile = { id: 'p', version: 1, metrics: { t: { type: 'number', unit: 'Cel' } } };
    const added = await ask(api, 'POST', '/api/v1/profiles', { body: profile });
    expect([added.status, added.headers.get('location')]).toEqual([201, '/api/v1/profiles/p']);
    const again = await ask(api, 'POST', '/api/v1/profiles', { body: { ...profile, id: 'open' } });
    expect(await answerOf(again)).toMatchObject({ code: 'profile.exists' });
    expect(await answerOf(await ask(api, 'GET', '/api/v1/profiles/none'))).toMatchObject({
      code: 'profile.unknown',
    });
    const wrong = await ask(api, 'POST', '/api/v1/profiles', {
      body: { ...profile, metrics: { t: { type: 'date' } } },
    });
    expect((await answerOf(wrong))['detail']).toContain('body.metrics.t.type must be one of "number"');
  });
});

describe('tokens', () => {
  it('are given for the right password only', async () => {
    await using api = await runApi();
    const login = (name: string, password: string) =>
      ask(api, 'POST', '/api/v1/login', { token: null, body: { name, password } });
    expect(await answerOf(await login('admin', 'right'))).toEqual({ token: 'admin', expiresAt: 1 });
    expect((await login('admin', 'wrong')).status).toBe(401);
    expect((await login('locked', 'x')).status).toBe(429);
    expect((await login('', '')).status).toBe(400);
  });

  it('are made for oneself where nothing is said, never for a higher role', async () => {
    await using api = await runApi();
    const before = Date.now();
    const made = await answerOf(await ask(api, 'POST', '/api/v1/tokens'));
    expect(made['expiresAt']).toBeGreaterThanOrEqual(before + 3_600_000);
    await ask(api, 'POST', '/api/v1/tokens', { body: { subject: 'grafana', role: 'viewer', lifetimeS: 60 } });
    expect(api.security.minted).toEqual([
      { subject: 'admin', role: 'admin', lifetimeS: 3_600 },
      { subject: 'grafana', role: 'viewer', lifetimeS: 60 },
    ]);
    for (const body of [{ role: 'root' }, { lifetimeS: 0 }, { lifetimeS: 1e12 }, { subject: 'a b' }]) {
      expect((await ask(api, 'POST', '/api/v1/tokens', { body })).status).toBe(400);
    }
  });
});

describe('health', () => {
  it('is alive while degraded, and not ready while a manager is down', async () => {
    await using api = await runApi();
    expect(await answerOf(await ask(api, 'GET', '/readyz'))).toMatchObject({ status: 'up' });
    api.state.ready = false;
    const ready = await ask(api, 'GET', '/readyz', { token: null });
    expect(ready.status).toBe(503);
    expect(await answerOf(ready)).toEqual({
      status: 'down',
      managers: { data: { status: 'down', reasons: ['restarting'] }, devices: { status: 'up', reasons: [] } },
    });
    expect((await ask(api, 'GET', '/healthz', { token: null })).status).toBe(200);
  });

  it('exposes metrics as the meter writes them', async () => {
    await using api = await runApi();
    const metrics = await ask(api, 'GET', '/metrics');
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4');
    expect(await metrics.text()).toBe('# nothing\n');
  });
});
