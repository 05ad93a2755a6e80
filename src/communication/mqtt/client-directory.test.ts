import { generate } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { puback, publishPacket, subscribePacket, until } from './test-client.ts';
import { type Rig, startRig } from './test-support.ts';

/** Version 5 of `admin`, kept for an hour. */
async function keptV5(rig: Rig, clientId: string) {
  const client = await rig.dial();
  const properties = { sessionExpiryInterval: 3_600 };
  const who = { username: 'admin', password: Buffer.from('right'), clientId, keepalive: 60, clean: false };
  client.send(generate({ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, ...who, properties }));
  expect((await client.next()).header).toBe(0x20);
  return client;
}

const idOf = (rig: Rig, clientId: string): number =>
  rig.server.clients.list({ text: clientId }).clients[0]?.id ?? -1;

describe('the client directory', () => {
  it('shows who is connected, by what, from where', async () => {
    await using rig = await startRig();
    await rig.client('d1', { keepalive: 30 });
    const { clients, total, connected, next } = rig.server.clients.list({});
    expect({ total, connected, next }).toEqual({ total: 1, connected: 1, next: undefined });
    expect(clients).toEqual([
      {
        id: 1,
        clientId: 'd1',
        principal: { kind: 'device', id: 'd1' },
        connected: true,
        connection: {
          version: '3.1.1',
          listener: 'mqtt',
          address: '127.0.0.1',
          openedAt: rig.clock.now(),
          keepAliveS: 30,
        },
        createdAt: rig.clock.now(),
        sessionExpiryS: 0,
        subscriptionCount: 0,
        waiting: 0,
        waitingBytes: 0,
        inFlight: 0,
        unreleased: 0,
        hasWill: false,
      },
    ]);
  });

  it('shows kept sessions with what waits for them and when they end', async () => {
    await using rig = await startRig();
    const client = await keptV5(rig, 'away');
    client.send(
      generate(
        { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'x', qos: 1 }] },
        { protocolVersion: 5 },
      ),
    );
    await client.next();
    client.destroy();
    await until(() => rig.server.clients.list({ connected: false }).clients.length === 1);
    const other = await rig.client('admin');
    other.send(publishPacket('x', 'hello', { qos: 1, messageId: 9 }));
    await other.next();
    const away = rig.server.clients.get(idOf(rig, 'away'));
    expect(away).toMatchObject({ connected: false, waiting: 1, waitingBytes: 6, sessionExpiryS: 3_600 });
    expect(away?.connection).toBeUndefined();
    expect(away?.expiresAt).toBe((away?.disconnectedAt ?? 0) + 3_600_000);
  });

  it('tells subscriptions with their options, and what is not acknowledged', async () => {
    await using rig = await startRig();
    const client = await keptV5(rig, 'five');
    const options = { qos: 1, nl: true, rap: true } as const;
    const subscriptions = [
      { topic: 'x', ...options },
      { topic: '$share/g/y/#', qos: 2 as const },
    ];
    const properties = { subscriptionIdentifier: 5 };
    client.send(
      generate({ cmd: 'subscribe', messageId: 1, subscriptions, properties }, { protocolVersion: 5 }),
    );
    await client.next();
    const other = await rig.client('admin');
    other.send(publishPacket('x', 'hello', { qos: 1, messageId: 9 }));
    await client.next();
    const shown = rig.server.clients.get(idOf(rig, 'five'));
    expect(shown).toMatchObject({ inFlight: 1, connection: { version: '5.0', keepAliveS: 60 } });
    expect(shown?.subscriptions).toEqual([
      { filter: 'x', qos: 1, noLocal: true, retainAsPublished: true, identifier: 5 },
      { filter: '$share/g/y/#', group: 'g', qos: 2, noLocal: false, retainAsPublished: false, identifier: 5 },
    ]);
    client.send(puback(1));
    await until(() => rig.server.clients.get(idOf(rig, 'five'))?.inFlight === 0);
  });

  it('goes through all in pages, each once, also where clients leave between two pages', async () => {
    await using rig = await startRig();
    const names = ['a1', 'a2', 'b3', 'a4', 'a5'];
    const clients = [];
    for (const name of names) clients.push(await rig.client(name));
    const page = (after?: number) => rig.server.clients.list({ text: 'A', after, limit: 2 });
    const first = page();
    expect(first.clients.map(({ clientId }) => clientId)).toEqual(['a1', 'a2']);
    clients[1]?.destroy();
    await until(() => rig.server.clients.list({}).total === 4);
    const second = page(first.next);
    expect(second.clients.map(({ clientId }) => clientId)).toEqual(['a4', 'a5']);
    expect(second.next).toBeUndefined();
    expect(second.total).toBe(4);
  });

  it('disconnects: version 5 is told 0x98, the session stays', async () => {
    await using rig = await startRig();
    const client = await keptV5(rig, 'five');
    const id = idOf(rig, 'five');
    expect(await rig.server.clients.disconnect(id, { end: false, by: 'user:admin' })).toBe(true);
    expect((await client.next()).hex).toMatch(/^e00[1-9]98/);
    await client.closed;
    expect(rig.server.clients.get(id)).toMatchObject({ connected: false, clientId: 'five' });
  });

  it('ends a session, connected or away, with what waits for it; the disk forgets it, too', async () => {
    await using rig = await startRig();
    const client = await keptV5(rig, 'five');
    client.send(
      generate(
        { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'x', qos: 1 }] },
        { protocolVersion: 5 },
      ),
    );
    await client.next();
    const id = idOf(rig, 'five');
    await rig.server.clients.disconnect(id, { end: false, by: 'user:admin' });
    expect(await rig.server.clients.disconnect(id, { end: true, by: 'user:admin' })).toBe(true);
    expect(rig.server.clients.get(id)).toBeUndefined();
    expect(rig.server.clients.list({}).total).toBe(0);
    expect(rig.server.broker.tree.size).toBe(0);
    expect([...rig.state.table('mqtt-sessions').entries()]).toEqual([]);
    expect(await rig.server.clients.disconnect(id, { end: true, by: 'user:admin' })).toBe(false);
  });

  it('disconnects version 3.1.1 without a word, as if the line had failed: the will is sent', async () => {
    await using rig = await startRig();
    const admin = await rig.client('admin');
    admin.send(subscribePacket(1, { '#': 0 }));
    await admin.next();
    const will = { topic: 'v1/d1/gone', payload: Buffer.from('!'), qos: 0, retain: false } as const;
    const client = await rig.client('d1', { will });
    expect(rig.server.clients.get(idOf(rig, 'd1'))?.hasWill).toBe(true);
    await rig.server.clients.disconnect(idOf(rig, 'd1'), { end: true, by: 'user:admin' });
    await client.closed;
    expect(client.waiting).toEqual([]);
    expect((await admin.next()).hex).toContain(Buffer.from('v1/d1/gone').toString('hex'));
  });
});
