/** What each side told of its limits in CONNECT and CONNACK, taken to the last byte and message. */
import { expect } from 'vitest';
import { FakeLog, startRig } from '../test-support.ts';
import { conformance } from './case.ts';
import { messagesUntil, V5Client } from './v5-client.ts';
import { ack, connect, publish, subscribe, unsubscribe } from './v5-packets.ts';

conformance(
  'v5',
  ['MQTT-3.1.2-24'],
  'an answer that cannot be made small enough for the client is not sent',
  async (rig) => {
    const filters = Array.from({ length: 100 }, (_, n) => [`t/${n}`, 0] as const);
    const names = filters.map(([name]) => name);
    for (const bytes of [subscribe(1, filters), unsubscribe(1, names)]) {
      const client = await V5Client.connect(rig, { properties: [['maximumPacketSize', 60]] });
      client.send(bytes);
      const told = await Promise.race([client.raw.closed.then(() => client.left()), client.waiting()]);
      for (const { sizeBytes } of told) expect(sizeBytes).toBeLessThanOrEqual(60);
    }
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-24', 'MQTT-3.1.2-25', 'MQTT-3.3.4-3'],
  'what the server adds to a message counts: with its identifiers it is too large, without it fits',
  async (rig) => {
    const fields = { properties: [['maximumPacketSize', 60]] } as const;
    const named = await V5Client.connect(rig, fields);
    const plain = await V5Client.connect(rig, fields);
    await named.subscribe({ t: 1 }, [['subscriptionId', 200_000]]);
    await plain.subscribe({ t: 1 });
    const publisher = await V5Client.connect(rig);
    // 2 bytes header, 3 topic, 2 id, 1 property length; the identifier takes 4 more.
    for (const payload of ['x'.repeat(49), 'x'.repeat(48), 'end'])
      await publisher.publish({ topic: 't', payload });
    const sizes = async (client: V5Client): Promise<readonly number[]> =>
      (await messagesUntil(client, 'end')).map(({ sizeBytes }) => sizeBytes);
    expect(await sizes(plain)).toEqual([57, 56]);
    expect(await sizes(named)).toEqual([60]);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.4-7'],
  'QoS 1 messages whose PUBACK is due count against the Receive Maximum of the server',
  async (rig) => {
    const client = await V5Client.connect(rig);
    const maximum = Number(client.connack.get('receiveMaximum'));
    const packets = Array.from({ length: maximum }, (_, at) => publish({ qos: 1, id: at + 1, payload: '' }));
    client.send(...packets, publish({ qos: 0 }));
    expect(await client.waiting()).toEqual([]);
    client.send(publish({ qos: 1, id: maximum + 1 }));
    expect(await client.end()).toBe(0x93);
  },
  { log: new FakeLog(false) },
);

conformance(
  'v5',
  ['MQTT-3.3.4-7', 'MQTT-4.3.3-10'],
  'a QoS 2 message sent again does not count a second time',
  async (rig) => {
    const fields = { clientId: 'c', clean: false, properties: [['sessionExpiry', 100]] } as const;
    const client = await V5Client.connect(rig, fields);
    const maximum = Number(client.connack.get('receiveMaximum'));
    const packets = (dup: boolean): readonly Buffer[] =>
      Array.from({ length: maximum }, (_, at) => publish({ qos: 2, id: at + 1, payload: '', dup }));
    client.send(...packets(false));
    for (let n = 0; n < maximum; n += 1) await client.take('pubrec');
    await client.drop();
    const back = await V5Client.connect(rig, fields);
    back.send(...packets(true));
    for (let n = 0; n < maximum; n += 1) expect((await back.take('pubrec')).code).toBeLessThan(0x80);
    back.send(ack('pubrel', 1));
    expect((await back.take('pubcomp')).code).toBe(0);
    expect(rig.log.next).toBe(maximum);
  },
);

conformance(
  'v5',
  ['MQTT-4.9.0-1', 'MQTT-4.9.0-2', 'MQTT-4.4.0-1'],
  'on reconnect the quota is that of the new connection',
  async (rig) => {
    const fields = (receiveMaximum: number) =>
      ({
        clientId: 'c',
        clean: false,
        properties: [
          ['sessionExpiry', 100],
          ['receiveMaximum', receiveMaximum],
        ],
      }) as const;
    const first = await V5Client.connect(rig, fields(10));
    await first.subscribe({ t: 1 });
    const publisher = await V5Client.connect(rig);
    for (let n = 0; n < 6; n += 1) await publisher.publish({ topic: 't', payload: String(n) });
    for (let n = 0; n < 6; n += 1) await first.take('publish');
    await first.drop();
    const second = await V5Client.connect(rig, fields(2));
    const ids: number[] = [];
    for (const payload of ['0', '1']) {
      const message = await second.take('publish');
      expect([message.payload, message.dup]).toEqual([payload, true]);
      ids.push(message.id);
    }
    expect(await second.waiting()).toEqual([]);
    second.send(...ids.map((id) => ack('puback', id)));
    expect((await second.receive(4)).map(({ payload }) => payload)).toEqual(['2', '3', '4', '5']);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-22'],
  'the largest Keep Alive there is, and a server that overrides it, hold',
  async (rig) => {
    const client = await V5Client.connect(rig, { keepalive: 65_535 });
    const seconds = Number(client.connack.get('serverKeepAlive') ?? 65_535);
    const probe = await V5Client.connect(rig, { keepalive: 60 });
    rig.clock.advance(Math.min(1.5 * seconds, 60 * 1.5 + 1) * 1000 - 1);
    expect(await client.waiting()).toEqual([]);
    rig.clock.advance(1_000);
    expect(await probe.end()).toBe(0x8d);
    expect(await client.waiting()).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-23', 'MQTT-4.1.0-1', 'MQTT-4.3.3-10', 'MQTT-4.4.0-1'],
  'a server that was stopped and started again still has the session: subscriptions, what waits, what is under way',
  async (rig) => {
    const fields = { clientId: 'c', clean: false, properties: [['sessionExpiry', 1000]] } as const;
    const first = await V5Client.connect(rig, fields);
    await first.subscribe({ t: 2 }, [['subscriptionId', 7]]);
    first.send(publish({ topic: 'mine', qos: 2, id: 9, payload: 'mine' }));
    await first.take('pubrec');
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 't', payload: 'under way', qos: 2 });
    const { id } = await first.take('publish');
    await first.drop();
    await publisher.publish({ topic: 't', payload: 'waits', qos: 1 });
    await rig.server.stop();
    await using later = await startRig({ log: rig.log, state: rig.state });
    const second = await V5Client.connect(later, fields);
    expect(second.connack.isSessionPresent).toBe(true);
    const messages = await second.receive(2);
    expect(messages.map((each) => [each.payload, each.qos, each.dup, each.all('subscriptionId')])).toEqual([
      ['under way', 2, true, [7]],
      ['waits', 1, false, [7]],
    ]);
    expect(messages.find(({ qos }) => qos === 2)?.id).toBe(id);
    second.send(publish({ topic: 'mine', qos: 2, id: 9, payload: 'mine', dup: true }));
    await second.take('pubrec');
    second.send(ack('pubrel', 9));
    expect((await second.take('pubcomp')).code).toBe(0);
    expect(rig.log.texts).toEqual(['mine', 'under way', 'waits']);
  },
);

conformance(
  'v5',
  ['MQTT-3.14.0-1', 'MQTT-3.1.4-3'],
  'a connection that is taken over before it was admitted gets no DISCONNECT',
  async (rig) => {
    const raw = await rig.dial();
    raw.send(connect({ clientId: 'c', password: 'slow' }));
    const second = await V5Client.connect(rig, { clientId: 'c' });
    rig.security.held[0]?.();
    await raw.closed;
    expect(raw.waiting.filter(({ header }) => header >> 4 === 0xe)).toEqual([]);
    expect(await second.waiting()).toEqual([]);
  },
);
