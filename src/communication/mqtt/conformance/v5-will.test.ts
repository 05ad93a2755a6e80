/** Wills: sections 3.1.2.5 to 3.1.2.7, 3.1.3.2 and 3.14.4. Each test waits for messages, and for the sweep where time is due. */
import { expect } from 'vitest';
import type { Rig } from '../test-support.ts';
import { conformance } from './case.ts';
import { messagesUntil, otherRefusals, V5Client } from './v5-client.ts';
import { AS_PUBLISHED, type ConnectFields, disconnect, publish, type Will } from './v5-packets.ts';

const T = 'will/topic';

async function watcher(rig: Rig): Promise<V5Client> {
  const client = await V5Client.connect(rig, { clientId: 'watcher' });
  await client.subscribe({ 'will/#': 2 | AS_PUBLISHED });
  return client;
}

/** What was published before this. */
async function seen(rig: Rig, client: V5Client): Promise<readonly string[]> {
  const publisher = await V5Client.connect(rig);
  await publisher.publish({ topic: 'will/end', payload: 'end' });
  return (await messagesUntil(client, 'end')).map(({ payload }) => payload);
}

const withWill = (will: Will = {}, expiryS = 0, clientId = 'c'): ConnectFields => ({
  clientId,
  clean: false,
  will,
  properties: [['sessionExpiry', expiryS]],
});
const delayed = (seconds: number, payload = 'will'): Will => ({
  payload,
  properties: [['willDelay', seconds]],
});

conformance(
  'v5',
  ['MQTT-3.1.2-7', 'MQTT-3.1.2-8', 'MQTT-3.1.2-14'],
  'the will is published when the network fails, with its topic, payload and QoS, not retained',
  async (rig) => {
    const watching = await watcher(rig);
    for (const qos of [0, 1, 2]) {
      const client = await V5Client.connect(rig, withWill({ topic: T, payload: Buffer.from([0, qos]), qos }));
      await client.drop();
      const [message] = await watching.receive(1);
      expect([message?.topic, message?.bytes.toString('hex'), message?.qos, message?.retain]).toEqual([
        T,
        `000${qos}`,
        qos,
        false,
      ]);
    }
    const late = await V5Client.connect(rig);
    await late.subscribe({ [T]: 0 });
    expect(await late.waiting()).toEqual([]);
  },
);

conformance('v5', ['MQTT-3.1.2-15'], 'a will with retain is retained', async (rig) => {
  const watching = await watcher(rig);
  await (await V5Client.connect(rig, withWill({ retain: true, qos: 1, payload: 'kept' }))).drop();
  expect((await watching.receive(1))[0]?.retain).toBe(true);
  const late = await V5Client.connect(rig);
  await late.subscribe({ [T]: 1 });
  const [message] = await late.receive(1);
  expect([message?.payload, message?.retain]).toEqual(['kept', true]);
});

conformance(
  'v5',
  ['MQTT-3.1.2-8', 'MQTT-3.1.2-10', 'MQTT-3.14.4-3'],
  'DISCONNECT with 0x00 discards the will, any other reason publishes it',
  async (rig) => {
    const watching = await watcher(rig);
    for (const code of [undefined, 0x00])
      await (await V5Client.connect(rig, withWill({ payload: 'discarded' }))).leave(code);
    for (const code of [0x04, 0x80, 0x83, 0x90, 0x98])
      await (await V5Client.connect(rig, withWill({ payload: code.toString(16) }))).leave(code);
    expect(await seen(rig, watching)).toEqual(['4', '80', '83', '90', '98']);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-8', 'MQTT-3.1.2-10', 'MQTT-4.13.1-1'],
  'an end that the server brings about publishes the will once: protocol error, keep-alive, take-over',
  async (rig) => {
    const watching = await watcher(rig);
    const wrong = await V5Client.connect(rig, withWill({ payload: 'wrong' }, 0, 'w'));
    wrong.send(publish({ qos: 3 }));
    expect(await wrong.end()).toBe(0x81);
    const silent = await V5Client.connect(rig, { ...withWill({ payload: 'silent' }, 0, 's'), keepalive: 60 });
    rig.clock.advance(1.5 * 1000 * Number(silent.connack.get('serverKeepAlive') ?? 60) + 1);
    expect(await silent.end()).toBe(0x8d);
    const first = await V5Client.connect(rig, withWill({ payload: 'taken' }, 0, 't'));
    await V5Client.connect(rig, { clientId: 't' });
    expect(await first.end()).toBe(0x8e);
    expect(await seen(rig, watching)).toEqual(['wrong', 'silent', 'taken']);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-8', 'MQTT-3.1.3-9'],
  'a delayed will comes after its delay, and not when its client is back before',
  async (rig) => {
    const watching = await watcher(rig);
    const fields = withWill(delayed(10), 100);
    await (await V5Client.connect(rig, fields)).drop();
    rig.clock.advance(9_000);
    const back = await V5Client.connect(rig, fields);
    expect(back.connack.isSessionPresent).toBe(true);
    rig.clock.advance(60_000);
    expect(await seen(rig, watching)).toEqual([]);
    await back.drop();
    expect(await seen(rig, watching)).toEqual([]);
    rig.clock.advance(11_000);
    expect((await watching.receive(1))[0]?.payload).toBe('will');
    expect(await seen(rig, watching)).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-8'],
  'the end of the session publishes a will whose delay is not over',
  async (rig) => {
    const watching = await watcher(rig);
    await (await V5Client.connect(rig, withWill(delayed(1000, 'expired'), 5, 'a'))).drop();
    rig.clock.advance(6_000);
    expect((await watching.receive(1))[0]?.payload).toBe('expired');
    await (await V5Client.connect(rig, withWill(delayed(1000, 'none'), 0, 'b'))).drop();
    expect((await watching.receive(1))[0]?.payload).toBe('none');
    await (await V5Client.connect(rig, withWill(delayed(1000, 'cleaned'), 100, 'c'))).drop();
    await V5Client.connect(rig, { clientId: 'c', clean: true });
    expect((await watching.receive(1))[0]?.payload).toBe('cleaned');
  },
);

conformance(
  'v5',
  ['MQTT-3.1.3-9', 'MQTT-3.1.2-8'],
  'a take-over that resumes the session does not publish a delayed will, one with Clean Start does',
  async (rig) => {
    const watching = await watcher(rig);
    const first = await V5Client.connect(rig, withWill(delayed(10, 'first'), 100));
    const second = await V5Client.connect(rig, withWill(delayed(10, 'second'), 100));
    expect(await first.end()).toBe(0x8e);
    rig.clock.advance(20_000);
    expect(await seen(rig, watching)).toEqual([]);
    await V5Client.connect(rig, { clientId: 'c', clean: true });
    expect(await second.end()).toBe(0x8e);
    expect((await watching.receive(1))[0]?.payload).toBe('second');
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-10', 'MQTT-3.1.2-7'],
  'a client that comes back without a will has none',
  async (rig) => {
    const watching = await watcher(rig);
    await (await V5Client.connect(rig, withWill({ payload: 'once' }, 100))).drop();
    expect((await watching.receive(1))[0]?.payload).toBe('once');
    await (await V5Client.connect(rig, { clientId: 'c', clean: false })).drop();
    expect(await seen(rig, watching)).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.3-10', 'MQTT-3.3.2-15', 'MQTT-3.3.2-16', 'MQTT-3.3.2-20'],
  'the properties of a will reach the subscriber, user properties in their order, the delay does not',
  async (rig) => {
    const watching = await watcher(rig);
    const pairs = [
      ['b', '1'],
      ['a', '2'],
      ['b', '3'],
    ] as const;
    const properties = [
      ['payloadFormat', 1],
      ['userProperty', pairs[0]],
      ['contentType', 'text/plain'],
      ['responseTopic', 'answers/here'],
      ['userProperty', pairs[1]],
      ['correlationData', Buffer.from([0, 0xff])],
      ['willDelay', 0],
      ['messageExpiry', 300],
      ['userProperty', pairs[2]],
    ] as const;
    await (await V5Client.connect(rig, withWill({ properties }))).drop();
    const message = await watching.take('publish');
    expect(message.all('userProperty')).toEqual(pairs);
    const names = [
      'payloadFormat',
      'contentType',
      'responseTopic',
      'correlationData',
      'messageExpiry',
    ] as const;
    expect(names.map((name) => message.get(name))).toEqual([1, 'text/plain', 'answers/here', '00ff', 300]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-8', 'MQTT-3.14.4-3'],
  'DISCONNECT with will keeps to the delay',
  async (rig) => {
    const watching = await watcher(rig);
    const client = await V5Client.connect(rig, withWill(delayed(10), 100));
    client.send(disconnect(0x04));
    await client.raw.closed;
    expect(await seen(rig, watching)).toEqual([]);
    rig.clock.advance(11_000);
    expect((await watching.receive(1))[0]?.payload).toBe('will');
  },
);

conformance(
  'v5',
  ['MQTT-3.3.2-2', 'MQTT-3.3.2-14', 'MQTT-4.7.0-1', 'MQTT-4.7.3-1', 'MQTT-3.1.4-1'],
  'a will whose topic or response topic is empty or has a wildcard is refused with 0x81, 0x82 or 0x90',
  async (rig) => {
    const names = ['', '#', 'a/+', 'a/#', 'a+'];
    const topics = names.map((topic) => [`topic ${topic}`, { will: { topic } }] as const);
    const answers = names.map(
      (topic) => [`response ${topic}`, { will: { properties: [['responseTopic', topic]] } }] as const,
    );
    expect(
      await otherRefusals(
        rig,
        Object.fromEntries<ConnectFields>([...topics, ...answers]),
        [0x81, 0x82, 0x90],
      ),
    ).toEqual([]);
  },
);
