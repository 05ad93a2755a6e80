/** The situations that the interoperability suite of Eclipse Paho plays through for MQTT 5.0, told in our own way. */
import { describe, expect, it } from 'vitest';
import { PING } from '../test-client.ts';
import { type Rig, startRig } from '../test-support.ts';
import { messagesUntil, V5Client } from './v5-client.ts';
import {
  AS_PUBLISHED,
  ack,
  type ConnectFields,
  NO_LOCAL,
  publish,
  RETAINED_IF_NEW,
  RETAINED_NEVER,
  unsubscribe,
} from './v5-packets.ts';

const TOPICS = ['TopicA', 'TopicA/B', 'Topic/C', 'TopicA/C', '/TopicA'];
const kept = (clientId: string, expiryS = 1000): ConnectFields => ({
  clientId,
  clean: false,
  properties: [['sessionExpiry', expiryS]],
});

/** Plays one situation on a server of its own. */
const scene = (name: string, play: (rig: Rig) => Promise<void>): void =>
  it(name, async () => {
    await using rig = await startRig();
    await play(rig);
  });

describe('Paho, MQTT 5.0', () => {
  scene('basic: one client hears its own messages at all three QoS', async (rig) => {
    const client = await V5Client.connect(rig, { clientId: 'myclientid' });
    await client.subscribe({ TopicA: 2 });
    for (const qos of [0, 1, 2]) {
      if (qos === 0) client.send(publish({ topic: 'TopicA', payload: 'qos 0' }));
      else await client.publish({ topic: 'TopicA', payload: `qos ${qos}`, qos });
    }
    const heard = await client.receive(3);
    expect(heard.map(({ payload, qos }) => `${payload} at ${qos}`).toSorted()).toEqual([
      'qos 0 at 0',
      'qos 1 at 1',
      'qos 2 at 2',
    ]);
    await client.leave();
  });

  scene('retained: kept at all QoS, with their user properties, until each is cleared', async (rig) => {
    const publisher = await V5Client.connect(rig);
    const properties = [
      ['userProperty', ['a', '2']],
      ['userProperty', ['c', '3']],
    ] as const;
    for (const [qos, topic] of TOPICS.slice(0, 3).entries())
      if (qos > 0) await publisher.publish({ topic, payload: `qos ${qos}`, qos, retain: true, properties });
      else publisher.send(publish({ topic, payload: 'qos 0', retain: true, properties }));
    await publisher.publish({ topic: 'end' });
    const first = await V5Client.connect(rig);
    await first.subscribe({ '+/+': 2, '+': 2 });
    const messages = await first.receive(3);
    expect(messages.every((message) => message.retain && message.all('userProperty').length === 2)).toBe(
      true,
    );
    for (const topic of TOPICS) await publisher.publish({ topic, payload: '', qos: 1, retain: true });
    const second = await V5Client.connect(rig);
    await second.subscribe({ '#': 2 });
    expect(await second.waiting()).toEqual([]);
  });

  scene('will: a client that vanishes leaves its will, with user properties', async (rig) => {
    const will = {
      topic: 'TopicA/C',
      payload: 'client not disconnected',
      retain: true,
      properties: [['userProperty', ['a', '2']]],
    } as const;
    const client = await V5Client.connect(rig, { clientId: 'vanishing', will });
    const watching = await V5Client.connect(rig);
    await watching.subscribe({ 'TopicA/C': 2 });
    await client.drop();
    const [message] = await watching.receive(1);
    expect([message?.payload, message?.all('userProperty')]).toEqual([will.payload, [['a', '2']]]);
  });

  scene('zero length client id: accepted with and without Clean Start', async (rig) => {
    for (const clean of [true, false]) {
      const { connack } = await V5Client.connect(rig, { clientId: '', clean });
      expect([connack.isSessionPresent, String(connack.get('assignedClientId')).length > 8]).toEqual([
        false,
        true,
      ]);
    }
  });

  scene(
    'offline: what is published while a client is away is queued, QoS 0 at the server’s choice',
    async (rig) => {
      const first = await V5Client.connect(rig, kept('offline', 99_999));
      await first.subscribe({ '+/+': 2 });
      await first.leave();
      const publisher = await V5Client.connect(rig);
      publisher.send(publish({ topic: 'TopicA/B', payload: 'qos 0' }));
      await publisher.publish({ topic: 'Topic/C', payload: 'qos 1', qos: 1 });
      await publisher.publish({ topic: 'TopicA/C', payload: 'qos 2', qos: 2 });
      const second = await V5Client.connect(rig, kept('offline', 99_999));
      const heard: string[] = [];
      while (!heard.includes('qos 1') || !heard.includes('qos 2'))
        heard.push(...(await second.receive(1)).map(({ payload }) => payload));
      expect(heard.filter((payload) => payload !== 'qos 0').toSorted()).toEqual(['qos 1', 'qos 2']);
    },
  );

  scene('dollar topics: are not matched by a wildcard in the first place', async (rig) => {
    const client = await V5Client.connect(rig);
    await client.subscribe({ '+/+': 2 });
    client.send(publish({ topic: '$TopicA/B', payload: 'hidden' }));
    await client.publish({ topic: 'TopicA/B', payload: 'end', qos: 1 });
    expect(await messagesUntil(client, 'end')).toEqual([]);
  });

  scene('unsubscribe: only what is still subscribed is heard', async (rig) => {
    const client = await V5Client.connect(rig);
    await client.subscribe({ TopicA: 2, 'TopicA/B': 2, 'Topic/C': 2 });
    client.send(unsubscribe(60, ['TopicA']));
    expect((await client.answer('unsuback', 60)).codes).toEqual([0]);
    const publisher = await V5Client.connect(rig);
    for (const topic of ['TopicA', 'TopicA/B', 'Topic/C']) await publisher.publish({ topic, qos: 1 });
    expect((await client.receive(2)).map(({ topic }) => topic)).toEqual(['TopicA/B', 'Topic/C']);
    expect(await client.waiting()).toEqual([]);
  });

  scene('session expiry: none by default, at once with 0, changed by DISCONNECT', async (rig) => {
    const away = async (
      connectS: number | undefined,
      leaveS: number | undefined,
      seconds: number,
    ): Promise<boolean> => {
      const properties = connectS === undefined ? [] : ([['sessionExpiry', connectS]] as const);
      const first = await V5Client.connect(rig, { clientId: 'expiring', properties });
      await first.subscribe({ TopicA: 2 });
      await first.leave(0, leaveS === undefined ? undefined : [['sessionExpiry', leaveS]]);
      rig.clock.advance(seconds * 1000);
      const second = await V5Client.connect(rig, { clientId: 'expiring', clean: false });
      await second.leave();
      return second.connack.isSessionPresent;
    };
    expect(await away(undefined, undefined, 0)).toBe(false);
    expect(await away(0, undefined, 0)).toBe(false);
    expect(await away(5, undefined, 2)).toBe(true);
    expect(await away(5, 0, 0)).toBe(false);
    expect(await away(1, 5, 3)).toBe(true);
  });

  scene('overlapping subscriptions: one message at QoS 2, or one for each', async (rig) => {
    const client = await V5Client.connect(rig);
    await client.subscribe({ 'TopicA/#': 2, 'TopicA/+': 1 });
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 'TopicA/C', qos: 2 });
    await publisher.publish({ topic: 'TopicA/C', payload: 'end', qos: 2 });
    const heard = await messagesUntil(client, 'end');
    expect(heard.map(({ qos }) => qos)).toEqual([2]);
  });

  scene('redelivery on reconnect: nothing acknowledged, all sent again', async (rig) => {
    const first = await V5Client.connect(rig, kept('pausing'));
    await first.subscribe({ 'TopicA/#': 2 });
    const publisher = await V5Client.connect(rig);
    for (const qos of [1, 2]) await publisher.publish({ topic: 'TopicA/C', qos });
    await first.take('publish');
    await first.take('publish');
    await first.drop();
    const second = await V5Client.connect(rig, kept('pausing'));
    expect((await second.receive(2)).every(({ dup }) => dup)).toBe(true);
  });

  scene('payload format and content type: come through unchanged, at every QoS', async (rig) => {
    const client = await V5Client.connect(rig);
    await client.subscribe({ TopicA: 2 });
    const properties = [
      ['payloadFormat', 1],
      ['contentType', 'My name'],
    ] as const;
    client.send(publish({ topic: 'TopicA', properties }));
    for (const qos of [1, 2]) await client.publish({ topic: 'TopicA', qos, properties });
    for (const message of await client.receive(3))
      expect([message.get('payloadFormat'), message.get('contentType')]).toEqual([1, 'My name']);
  });

  scene('publication expiry: what has expired is gone, what has not tells the time left', async (rig) => {
    const first = await V5Client.connect(rig, kept('expiring', 99_999));
    await first.subscribe({ TopicA: 2 });
    await first.leave();
    const publisher = await V5Client.connect(rig);
    for (const [qos, seconds] of [
      [1, 1],
      [2, 5],
      [1, 5],
      [2, 1],
    ] as const)
      await publisher.publish({ topic: 'TopicA', qos, properties: [['messageExpiry', seconds]] });
    rig.clock.advance(3_000);
    const second = await V5Client.connect(rig, kept('expiring', 99_999));
    expect((await second.receive(2)).map((message) => message.get('messageExpiry'))).toEqual([2, 2]);
    expect(await second.waiting()).toEqual([]);
  });

  scene('subscribe options: no local, retain as published, retain handling', async (rig) => {
    const client = await V5Client.connect(rig);
    const other = await V5Client.connect(rig);
    await client.subscribe({ 'TopicA/B': 2 | NO_LOCAL });
    await other.subscribe({ 'TopicA/B': 2 | NO_LOCAL | AS_PUBLISHED });
    await client.publish({ topic: 'TopicA/B', payload: 'kept', retain: true });
    expect((await other.receive(1))[0]?.retain).toBe(true);
    expect(await client.waiting()).toEqual([]);
    const late = await V5Client.connect(rig);
    await late.subscribe({ 'TopicA/B': 2 | RETAINED_IF_NEW });
    expect(await late.receive(1)).toHaveLength(1);
    for (const handling of [RETAINED_IF_NEW, RETAINED_NEVER])
      await late.subscribe({ 'TopicA/B': 2 | handling });
    expect(await late.waiting()).toEqual([]);
    await late.subscribe({ 'TopicA/B': 2 });
    expect(await late.receive(1)).toHaveLength(1);
  });

  scene('subscription identifiers: every match is named', async (rig) => {
    const client = await V5Client.connect(rig);
    await client.subscribe({ 'TopicA/B': 2 }, [['subscriptionId', 456_789]]);
    const other = await V5Client.connect(rig);
    await other.subscribe({ 'TopicA/#': 2 }, [['subscriptionId', 2]]);
    await other.subscribe({ 'TopicA/B': 2 }, [['subscriptionId', 3]]);
    await client.publish({ topic: 'TopicA/B', qos: 1 });
    expect((await client.receive(1))[0]?.all('subscriptionId')).toEqual([456_789]);
    expect(new Set((await other.receive(1))[0]?.all('subscriptionId'))).toEqual(new Set([2, 3]));
  });

  scene(
    'request and response: the answer goes where it was asked for, with what it was marked by',
    async (rig) => {
      const asks = await V5Client.connect(rig, { properties: [['requestResponseInfo', 1]] });
      const answers = await V5Client.connect(rig);
      await asks.subscribe({ TopicB: 2 | NO_LOCAL });
      await answers.subscribe({ TopicA: 2 | NO_LOCAL });
      await asks.publish({
        topic: 'TopicA',
        payload: 'request',
        properties: [
          ['responseTopic', 'TopicB'],
          ['correlationData', '334'],
        ],
      });
      const [request] = await answers.receive(1);
      const topic = String(request?.get('responseTopic'));
      const correlation = Buffer.from(String(request?.get('correlationData')), 'hex');
      await answers.publish({ topic, payload: 'response', properties: [['correlationData', correlation]] });
      const [response] = await asks.receive(1);
      expect([response?.payload, response?.get('correlationData')]).toEqual([
        'response',
        Buffer.from('334').toString('hex'),
      ]);
    },
  );

  scene('client topic alias: 0 is refused, others are learned per connection', async (rig) => {
    const bad = await V5Client.connect(rig);
    bad.send(publish({ topic: 'TopicA', qos: 1, properties: [['topicAlias', 0]] }));
    expect(await bad.end()).toBe(0x94);
    const client = await V5Client.connect(rig, kept('alias'));
    await client.subscribe({ TopicA: 2 });
    await client.publish({ topic: 'TopicA', payload: '1', properties: [['topicAlias', 1]] });
    await client.publish({ topic: '', payload: '2', properties: [['topicAlias', 1]] });
    expect((await client.receive(2)).map(({ topic }) => topic)).toEqual(['TopicA', 'TopicA']);
    await client.leave();
    const again = await V5Client.connect(rig, kept('alias'));
    again.send(publish({ topic: '', qos: 1, properties: [['topicAlias', 1]] }));
    expect(await again.end()).toBe(0x82);
  });

  scene('maximum packet size: what is too large for a client does not reach it', async (rig) => {
    const client = await V5Client.connect(rig, { properties: [['maximumPacketSize', 64]] });
    await client.subscribe({ TopicA: 2 });
    for (const [qos, size] of [
      [1, 64],
      [2, 500],
      [1, 10],
    ] as const)
      await client.publish({ topic: 'TopicA', payload: '.'.repeat(size), qos });
    expect((await client.receive(1))[0]?.payload).toHaveLength(10);
    expect(await client.waiting()).toEqual([]);
  });

  scene('flow control: no more is under way than Receive Maximum, and all arrives', async (rig) => {
    const client = await V5Client.connect(rig, { properties: [['receiveMaximum', 2]] });
    await client.subscribe({ TopicA: 2 });
    const publisher = await V5Client.connect(rig);
    const numbers = Array.from({ length: 20 }, (_, n) => String(n));
    for (const payload of numbers) await publisher.publish({ topic: 'TopicA', payload, qos: 2 });
    const first = [await client.take('publish'), await client.take('publish')];
    expect(await client.waiting()).toEqual([]);
    for (const { id } of first) {
      client.send(ack('pubrec', id));
      await client.answer('pubrel', id);
      client.send(ack('pubcomp', id));
    }
    const rest = await client.receive(18);
    expect([...first, ...rest].map(({ payload }) => payload)).toEqual(numbers);
  });

  scene('will delay: observed, cut short by the end of the session', async (rig) => {
    const will = { topic: 'will', payload: 'gone', properties: [['willDelay', 5]] } as const;
    const watching = await V5Client.connect(rig);
    await watching.subscribe({ will: 2, end: 2 });
    for (const expiryS of [1000, 2]) {
      const client = await V5Client.connect(rig, {
        clientId: 'delayed',
        will,
        properties: [['sessionExpiry', expiryS]],
      });
      await client.drop();
      rig.clock.advance(1_000);
      await watching.publish({ topic: 'end', payload: 'end' });
      expect(await messagesUntil(watching, 'end')).toEqual([]);
      rig.clock.advance(Math.min(5, expiryS) * 1000);
      expect((await watching.receive(1))[0]?.payload).toBe('gone');
    }
  });

  scene('shared subscriptions: each message to one of the group, all messages to the group', async (rig) => {
    const members = [await V5Client.connect(rig), await V5Client.connect(rig)];
    for (const client of members) await client.subscribe({ '$share/sharename/TopicA': 2, TopicA: 2, end: 1 });
    const publisher = await V5Client.connect(rig);
    for (let n = 0; n < 10; n += 1) await publisher.publish({ topic: 'TopicA', payload: String(n), qos: 1 });
    await publisher.publish({ topic: 'end', payload: 'end' });
    let count = 0;
    for (const client of members) count += (await messagesUntil(client, 'end')).length;
    // Their own subscription each, and the shared one once: in a copy of its own or joined with the other.
    expect([20, 30]).toContain(count);
  });

  scene('keep alive: a client that only listens is cut off, one that pings is not', async (rig) => {
    const silent = await V5Client.connect(rig, { keepalive: 60 });
    const lively = await V5Client.connect(rig, { keepalive: 60 });
    const seconds = Number(silent.connack.get('serverKeepAlive') ?? 60);
    rig.clock.advance(seconds * 1000);
    lively.send(PING);
    await lively.take('pingresp');
    rig.clock.advance(seconds * 1000);
    expect(await silent.end()).toBe(0x8d);
    expect(await lively.waiting()).toEqual([]);
  });
});
