/** What follows a CONNECT in MQTT 3.1.1: CONNACK, keep-alive, the end. Sections 3.2, 3.1.2.10, 3.12 and 3.14. */
import { expect } from 'vitest';
import { connectPacket, PING, packet, publishPacket, subscribePacket, until } from '../test-client.ts';
import { conformance } from './case.ts';
import { greet, join, messages, publish, subscribe, vanish } from './v311-steps.ts';

conformance(
  'v311',
  ['MQTT-3.1.4-4', 'MQTT-3.2.0-1'],
  'what is sent right behind CONNECT is answered after its CONNACK',
  async (rig) => {
    await publish(await join(rig, 'p'), 'r', 'kept', { retain: true });
    const client = await rig.dial();
    client.send(
      connectPacket('admin', { clientId: 'c', password: 'slow' }),
      publishPacket('t', 'x', { qos: 1, messageId: 5 }),
      subscribePacket(6, { r: 0 }),
      PING,
    );
    await until(() => rig.security.held.length === 1);
    expect(client.waiting).toEqual([]);
    rig.security.held[0]?.();
    expect(await client.nextHex()).toBe('20020000');
    await until(() => client.waiting.length === 4);
    expect(new Set(client.waiting.map(({ header }) => header))).toEqual(new Set([0x31, 0x40, 0x90, 0xd0]));
  },
);

conformance(
  'v311',
  ['MQTT-3.2.0-1', 'MQTT-3.2.2-2'],
  'what waits in a resumed session comes after CONNACK',
  async (rig) => {
    const away = await join(rig, 'c', { clean: false });
    await subscribe(away, { a: 1 });
    await vanish(rig, away);
    await publish(await join(rig, 'p'), 'a', 'x');
    const { client, connack } = await greet(rig, 'c', { clean: false });
    expect(connack).toBe('20020100');
    expect(await messages(client, 1)).toMatchObject([{ payload: 'x' }]);
  },
);

conformance(
  'v311',
  ['MQTT-3.2.2-1'],
  'CleanSession 1 is answered session present 0, whatever was stored',
  async (rig) => {
    expect((await greet(rig, 'c')).connack).toBe('20020000');
    const kept = await join(rig, 'k', { clean: false });
    await subscribe(kept, { a: 1 });
    await vanish(rig, kept);
    expect((await greet(rig, 'k')).connack).toBe('20020000');
  },
);

conformance(
  'v311',
  ['MQTT-3.2.2-2', 'MQTT-3.2.2-3'],
  'CleanSession 0 tells whether a session was stored',
  async (rig) => {
    const { client: first, connack } = await greet(rig, 'k', { clean: false });
    expect(connack).toBe('20020000');
    await vanish(rig, first);
    expect((await greet(rig, 'k', { clean: false })).connack).toBe('20020100');
    expect((await greet(rig, 'other', { clean: false })).connack).toBe('20020000');
  },
);

conformance(
  'v311',
  ['MQTT-3.2.2-4'],
  'a refusal says session present 0 though one is stored',
  async (rig) => {
    await vanish(rig, await join(rig, 'k', { clean: false }));
    const { client, connack } = await greet(rig, 'k', { clean: false, password: 'wrong' });
    expect(connack).toBe('20020004');
    await client.closed;
  },
);

conformance('v311', ['MQTT-3.2.2-5'], 'each refusal is followed by closing', async (rig) => {
  const refusals: string[] = [];
  for (const fault of [undefined, 'auth.unavailable', 'auth.forbidden'] as const) {
    rig.security.fault = fault;
    const { client, connack } = await greet(rig, 'c', { password: 'wrong' });
    refusals.push(connack);
    await client.closed;
    expect(client.waiting).toEqual([]);
  }
  expect(refusals).toEqual(['20020004', '20020003', '20020005']);
});

conformance(
  'v311',
  ['MQTT-3.2.2-6'],
  'a CONNECT overtaken by a later one of its client id closes without CONNACK',
  async (rig) => {
    const early = await rig.dial();
    early.send(connectPacket('admin', { clientId: 'c', password: 'slow' }));
    await until(() => rig.security.held.length === 1);
    const late = await join(rig, 'c');
    rig.security.held[0]?.();
    await early.closed;
    expect(early.waiting).toEqual([]);
    expect(await late.settled()).toEqual([]);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.2-24'],
  'silence of 1.5 times the keep-alive closes, and publishes the will',
  async (rig) => {
    const will = { topic: 'w', payload: Buffer.from('gone'), qos: 0, retain: false } as const;
    const quiet = await join(rig, 'quiet', { keepalive: 10, will });
    const talking = await join(rig, 'talking', { keepalive: 10 });
    const exempt = await join(rig, 'exempt', { keepalive: 0 });
    rig.clock.advance(14_900);
    expect(await talking.settled()).toEqual([]);
    expect([quiet.isClosed, rig.log.next]).toEqual([false, 0]);
    rig.clock.advance(200);
    await quiet.closed;
    await until(() => rig.log.next === 1);
    expect(rig.log.texts).toEqual(['gone']);
    expect([await talking.settled(), await exempt.settled()]).toEqual([[], []]);
  },
);

conformance('v311', ['MQTT-3.12.4-1'], 'PINGREQ is answered by PINGRESP, each', async (rig) => {
  const client = await join(rig, 'c');
  client.send(PING, PING, PING);
  await until(() => client.waiting.length === 3);
  expect(client.waiting.map((each) => each.hex)).toEqual(['d000', 'd000', 'd000']);
});

conformance(
  'v311',
  ['MQTT-3.14.4-2', 'MQTT-3.1.4-5'],
  'nothing behind a DISCONNECT is processed, and the server closes',
  async (rig) => {
    const client = await join(rig, 'c');
    client.send(packet({ cmd: 'disconnect' }), publishPacket('t', 'x', { qos: 1, messageId: 1 }), PING);
    await client.closed;
    expect(client.waiting).toEqual([]);
    expect(rig.log.next).toBe(0);
  },
);
