import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeHttp, fakeHttp, problemAnswer, type SeenRequest } from '../test-kit/fake-http.ts';
import { type Workplace, workplace } from '../test-kit/run.ts';

const client = {
  id: 7,
  clientId: 'lamp\u001b[2J',
  principal: { kind: 'device', id: 'lamp' },
  connected: true,
  connection: { version: '5.0', listener: 'mqtts', address: '10.0.0.7', openedAt: 0, keepAliveS: 60 },
  createdAt: 0,
  sessionExpiryS: 3_600,
  subscriptionCount: 1,
  waiting: 3,
  waitingBytes: 300,
  inFlight: 2,
  unreleased: 0,
  hasWill: true,
};
const { connection: _, ...gone } = client;
const away = {
  ...gone,
  id: 9,
  clientId: 'plug',
  connected: false,
  disconnectedAt: 1_000,
  expiresAt: 3_601_000,
};

let place: Workplace;
let http: FakeHttp | undefined;

beforeEach(async () => {
  place = await workplace();
});

afterEach(async () => {
  await http?.[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

async function server(answer: Parameters<typeof fakeHttp>[0]): Promise<FakeHttp> {
  http = await fakeHttp(answer);
  await place.serverRuns({ http: http.url, mqtt: null });
  return http;
}

const twoPages = ({ query }: SeenRequest) =>
  query.get('after') === '7'
    ? { body: { clients: [away], total: 2, connected: 1 } }
    : { body: { clients: [client], total: 2, connected: 1, next: 7 } };

describe('clients', () => {
  it('list follows the pages, and no terminal sequence gets through', async () => {
    await server(twoPages);
    const { stdout, code } = await place.run(['clients', 'list']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /7 +lamp\\x1b\[2J +lamp +mqtts 5\.0 +10\.0\.0\.7 +1970-01-01T00:00:00\.000Z +1 +3 +2\n/,
    );
    expect(stdout).toMatch(/9 +plug +lamp +away +1970-01-01T00:00:01\.000Z/);
    expect(stdout).toContain('2 clients, 1 connected');
    expect(stdout).not.toContain('\u001b');
  });

  it('list asks for what was named, and stops at the limit', async () => {
    const { seen } = await server(twoPages);
    const { stdout } = await place.run([
      'clients',
      'list',
      '--away',
      '--text',
      'l',
      '--limit',
      '1',
      '--json',
    ]);
    expect(JSON.parse(stdout)).toEqual({ clients: [client], total: 2, connected: 1 });
    expect(seen.map(({ query }) => query.toString())).toEqual(['text=l&connected=false&limit=1']);
    const { code } = await place.run(['clients', 'list', '--away', '--connected']);
    expect(code).toBe(2);
  });

  it('show tells facts and subscriptions', async () => {
    const subscriptions = [
      { filter: '$share/g/x', group: 'g', qos: 1, noLocal: true, retainAsPublished: false },
    ];
    await server(({ path }) => ({ body: { ...(path.endsWith('/9') ? away : client), subscriptions } }));
    const { stdout } = await place.run(['clients', 'show', '7']);
    expect(stdout).toContain('mqtts from 10.0.0.7, MQTT 5.0');
    expect(stdout).toMatch(/\$share\/g\/x +1 +no local\n$/);
    expect((await place.run(['clients', 'show', '9'])).stdout).toContain(
      'session ends    1970-01-01T01:00:01.000Z',
    );
    expect(JSON.parse((await place.run(['clients', 'show', '7', '--json'])).stdout)).toEqual({
      ...client,
      subscriptions,
    });
  });

  it('disconnect goes through the list and tells what it got to', async () => {
    const { seen } = await server(({ path }) =>
      path.endsWith('/8') ? problemAnswer(404, 'client.unknown', 'no 8') : { status: 204 },
    );
    const { code, stdout, stderr } = await place.run([
      'clients',
      'disconnect',
      '7',
      '8',
      '9',
      '--end',
      '--json',
    ]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({ disconnected: ['7'], ended: true });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'client.unknown' } });
    expect(seen.map(({ query }) => query.get('end'))).toEqual(['true', 'true']);
    expect((await place.run(['clients', 'disconnect', '7'])).stdout).toBe('disconnected 7\n');
  });
});
