/** PUBLISH as it goes out: what it carries, to whom it does not go, and in which order. */
import { expect } from 'vitest';
import { conformance } from './case.ts';
import { messagesUntil, V5Client } from './v5-client.ts';
import { ack, type ConnectFields, type Properties, publish, subscribe } from './v5-packets.ts';

const kept = (clientId: string, properties: Properties = []): ConnectFields => ({
  clientId,
  clean: false,
  properties: [['sessionExpiry', 1000], ...properties],
});

conformance(
  'v5',
  ['MQTT-3.3.2-4', 'MQTT-3.3.2-15', 'MQTT-3.3.2-16', 'MQTT-3.3.2-17', 'MQTT-3.3.2-18', 'MQTT-3.3.2-20'],
  'properties reach every subscriber as they came, user properties in their order, live and kept',
  async (rig) => {
    const pairs = [
      ['z', '1'],
      ['a', '2'],
      ['z', '1'],
      ['', ''],
      ['a', 'ü'],
    ] as const;
    const properties: Properties = [
      ['userProperty', pairs[0]],
      ['payloadFormat', 1],
      ['contentType', 'application/json'],
      ['userProperty', pairs[1]],
      ['responseTopic', 'answers/to/me'],
      ['userProperty', pairs[2]],
      ['correlationData', Buffer.from([0, 1, 0xff, 0x80])],
      ['userProperty', pairs[3]],
      ['userProperty', pairs[4]],
    ];
    const away = await V5Client.connect(rig, kept('away'));
    await away.subscribe({ 'ask/#': 2 });
    await away.drop();
    const live = await V5Client.connect(rig);
    await live.subscribe({ 'ask/#': 2 });
    const publisher = await V5Client.connect(rig);
    for (const qos of [0, 1, 2]) {
      if (qos === 0) publisher.send(publish({ topic: 'ask/me', properties }));
      else await publisher.publish({ topic: 'ask/me', qos, properties });
    }
    const back = await V5Client.connect(rig, kept('away'));
    const messages = [...(await live.receive(3)), ...(await back.receive(2))];
    for (const message of messages) {
      expect(message.all('userProperty')).toEqual(pairs);
      expect(message.get('payloadFormat')).toBe(1);
      expect(message.get('contentType')).toBe('application/json');
      expect(message.get('responseTopic')).toBe('answers/to/me');
      expect(message.get('correlationData')).toBe('0001ff80');
      expect(message.properties).toHaveLength(9);
    }
  },
);

conformance(
  'v5',
  ['MQTT-3.3.2-4', 'MQTT-2.2.2-1'],
  'a message without properties is passed on without any, one with empty values with these',
  async (rig) => {
    const client = await V5Client.connect(rig);
    await client.subscribe({ t: 0 });
    const properties: Properties = [
      ['payloadFormat', 0],
      ['contentType', ''],
      ['correlationData', ''],
    ];
    client.send(publish({ topic: 't' }), publish({ topic: 't', properties }));
    expect((await client.take('publish')).properties).toEqual([]);
    const message = await client.take('publish');
    // 0 is what an absent format means.
    expect(message.get('payloadFormat') ?? 0).toBe(0);
    expect([message.get('contentType'), message.get('correlationData')]).toEqual(['', '']);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.2-5', 'MQTT-3.3.2-6'],
  'an expiry is passed on less the whole seconds waited, and what has expired is not delivered',
  async (rig) => {
    const away = await V5Client.connect(rig, kept('away'));
    await away.subscribe({ '#': 1 });
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 'live', properties: [['messageExpiry', 30]] });
    const [live] = await away.receive(1);
    expect(live?.get('messageExpiry')).toBe(30);
    await away.drop();
    await publisher.publish({ topic: 'long', properties: [['messageExpiry', 30]] });
    await publisher.publish({ topic: 'short', properties: [['messageExpiry', 10]] });
    await publisher.publish({ topic: 'never' });
    rig.clock.advance(12_000);
    const back = await V5Client.connect(rig, kept('away'));
    const messages = await back.receive(2);
    expect(messages.map((message) => [message.topic, message.get('messageExpiry')])).toEqual([
      ['long', 18],
      ['never', undefined],
    ]);
    expect(await back.waiting()).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.2-5', 'MQTT-3.3.2-6'],
  'a retained message ages, and is gone when it has expired',
  async (rig) => {
    const client = await V5Client.connect(rig);
    await client.publish({ topic: 't', retain: true, properties: [['messageExpiry', 30]] });
    rig.clock.advance(12_000);
    await client.subscribe({ t: 1 });
    expect((await client.receive(1))[0]?.get('messageExpiry')).toBe(18);
    rig.clock.advance(19_000);
    await client.subscribe({ t: 1 });
    expect(await client.waiting()).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-4.3.3-7', 'MQTT-4.4.0-1'],
  'what was sent once does not expire: it is sent again on reconnect',
  async (rig) => {
    const first = await V5Client.connect(rig, kept('c'));
    await first.subscribe({ t: 2 });
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 't', qos: 2, properties: [['messageExpiry', 5]] });
    const { id } = await first.take('publish');
    await first.drop();
    rig.clock.advance(60_000);
    const second = await V5Client.connect(rig, kept('c'));
    const [message] = await second.receive(1);
    expect([message?.id, message?.dup]).toEqual([id, true]);
  },
);

conformance('v5', ['MQTT-4.3.3-13'], 'the QoS 2 exchange of an expired message is completed', async (rig) => {
  const client = await V5Client.connect(rig);
  client.send(publish({ qos: 2, id: 1, properties: [['messageExpiry', 1]] }));
  expect((await client.take('pubrec')).code).toBeLessThan(0x80);
  rig.clock.advance(10_000);
  client.send(ack('pubrel', 1));
  expect((await client.take('pubcomp')).code).toBe(0);
});

conformance(
  'v5',
  ['MQTT-3.1.2-24', 'MQTT-3.1.2-25'],
  'what is too large for a client is left out for it alone, and takes nothing of its quota',
  async (rig) => {
    const limits: Properties = [
      ['maximumPacketSize', 100],
      ['receiveMaximum', 1],
    ];
    const small = await V5Client.connect(rig, { properties: limits });
    const large = await V5Client.connect(rig);
    for (const client of [small, large]) await client.subscribe({ t: 2 });
    const publisher = await V5Client.connect(rig);
    const tooLarge = 'x'.repeat(101);
    for (const qos of [1, 2]) await publisher.publish({ topic: 't', qos, payload: tooLarge });
    publisher.send(publish({ topic: 't', payload: tooLarge }));
    await publisher.publish({ topic: 't', properties: [['userProperty', ['k', tooLarge]]] });
    await publisher.publish({ topic: 't', payload: 'end' });
    expect(await messagesUntil(small, 'end')).toEqual([]);
    expect(await messagesUntil(large, 'end')).toHaveLength(4);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-24', 'MQTT-3.1.2-25'],
  'a packet of just the size a client takes is sent, one byte more is not, retained and kept ones alike',
  async (rig) => {
    // 2 bytes header, 3 topic, 2 id, 1 property length.
    const fits = 'x'.repeat(92);
    const fields = kept('c', [['maximumPacketSize', 100]]);
    const client = await V5Client.connect(rig, fields);
    await client.subscribe({ t: 1 });
    await client.drop();
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 't', payload: `${fits}y` });
    await publisher.publish({ topic: 't', payload: fits });
    await publisher.publish({ topic: 'r', payload: `${fits}y`, retain: true });
    await publisher.publish({ topic: 's', payload: fits, retain: true });
    const back = await V5Client.connect(rig, fields);
    const [message] = await back.receive(1);
    expect([message?.payload, message?.sizeBytes]).toEqual([fits, 100]);
    await back.subscribe({ r: 1, s: 1 });
    expect((await back.receive(1))[0]?.topic).toBe('s');
    expect(await back.waiting()).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-27', 'MQTT-3.3.2-11'],
  'a client that takes no topic aliases gets none',
  async (rig) => {
    for (const properties of [[], [['topicAliasMaximum', 0]]] as const) {
      const client = await V5Client.connect(rig, { properties });
      await client.subscribe({ 'long/topic/#': 0 });
      for (let n = 0; n < 5; n += 1) client.send(publish({ topic: 'long/topic/name' }));
      for (let n = 0; n < 5; n += 1) {
        const message = await client.take('publish');
        expect([message.topic, message.all('topicAlias')]).toEqual(['long/topic/name', []]);
      }
      await client.leave();
    }
  },
);

conformance(
  'v5',
  ['MQTT-3.1.2-26', 'MQTT-3.3.2-11', 'MQTT-3.3.2-7', 'MQTT-3.3.2-8'],
  'topic aliases to a client are within its maximum, told before they are used, and new on each connection',
  async (rig) => {
    const fields = kept('c', [['topicAliasMaximum', 2]]);
    for (const round of [1, 2]) {
      const client = await V5Client.connect(rig, fields);
      await client.subscribe({ 'a/#': 1 });
      const publisher = await V5Client.connect(rig);
      const topics = ['a/1', 'a/2', 'a/3', 'a/1', 'a/2', 'a/3', 'a/1', 'a/1'];
      for (const topic of topics) await publisher.publish({ topic });
      const known = new Map<unknown, string>();
      const seen = (await client.receive(topics.length)).map((message) => {
        const alias = message.get('topicAlias');
        if (alias === undefined) return message.topic;
        expect([1, 2]).toContain(alias);
        if (message.topic !== '') known.set(alias, message.topic);
        return known.get(alias);
      });
      expect([round, seen]).toEqual([round, topics]);
      await client.drop();
    }
  },
);

conformance(
  'v5',
  ['MQTT-3.3.4-3', 'MQTT-3.3.4-4', 'MQTT-3.3.4-2'],
  'overlapping subscriptions get one copy, at the highest QoS, with the identifiers of all that match',
  async (rig) => {
    const client = await V5Client.connect(rig);
    await client.subscribe({ 'a/+': 0 }, [['subscriptionId', 1]]);
    await client.subscribe({ 'a/#': 2 }, [['subscriptionId', 268_435_455]]);
    await client.subscribe({ 'a/b': 1 });
    await client.subscribe({ '+/b': 1, 'x/y': 1 }, [['subscriptionId', 200]]);
    await client.publish({ topic: 'other' });
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 'a/b', qos: 2 });
    await publisher.publish({ topic: 'x/y', qos: 2, payload: 'end' });
    const messages = await client.receive(2);
    expect(messages.map(({ topic, qos }) => [topic, qos])).toEqual([
      ['a/b', 2],
      ['x/y', 1],
    ]);
    expect(new Set(messages[0]?.all('subscriptionId'))).toEqual(new Set([1, 268_435_455, 200]));
    expect(messages[1]?.all('subscriptionId')).toEqual([200]);
  },
);

conformance(
  'v5',
  ['MQTT-3.3.4-3', 'MQTT-3.8.4-3'],
  'a subscription made anew has the identifier given then, or none',
  async (rig) => {
    const client = await V5Client.connect(rig);
    for (const properties of [[['subscriptionId', 5]], [['subscriptionId', 6]], []] as const) {
      await client.subscribe({ t: 0 }, properties);
      client.send(publish({ topic: 't' }));
      const expected = properties.map(([, value]) => value);
      expect((await client.take('publish')).all('subscriptionId')).toEqual(expected);
    }
  },
);

conformance(
  'v5',
  ['MQTT-3.3.4-3', 'MQTT-3.1.2-23'],
  'identifiers belong to the session, and go with kept and retained messages',
  async (rig) => {
    const first = await V5Client.connect(rig, kept('c'));
    await first.subscribe({ t: 1 }, [['subscriptionId', 42]]);
    await first.drop();
    const publisher = await V5Client.connect(rig);
    await publisher.publish({ topic: 't', retain: true });
    const second = await V5Client.connect(rig, kept('c'));
    expect((await second.receive(1))[0]?.all('subscriptionId')).toEqual([42]);
    await second.subscribe({ '+': 1 }, [['subscriptionId', 43]]);
    expect((await second.receive(1))[0]?.all('subscriptionId')).toEqual([43]);
    await publisher.publish({ topic: 't' });
    const [live] = await second.receive(1);
    expect(new Set(live?.all('subscriptionId'))).toEqual(new Set([42, 43]));
  },
);

conformance(
  'v5',
  ['MQTT-3.3.2-3', 'MQTT-3.8.4-8', 'MQTT-4.3.1-1', 'MQTT-4.3.2-2', 'MQTT-4.3.3-2', 'MQTT-3.3.1-3'],
  'each message goes out at the lower of both QoS, with DUP 0 whatever came in',
  async (rig) => {
    const publisher = await V5Client.connect(rig);
    for (const granted of [0, 1, 2]) {
      const client = await V5Client.connect(rig);
      await client.subscribe({ 't/+': granted });
      publisher.send(publish({ topic: 't/0' }));
      publisher.send(publish({ topic: 't/1', qos: 1, id: 100, dup: true }));
      await publisher.take('puback');
      publisher.send(publish({ topic: 't/2', qos: 2, id: 101, dup: true }));
      await publisher.take('pubrec');
      publisher.send(ack('pubrel', 101));
      await publisher.take('pubcomp');
      const messages = await client.receive(3);
      expect(messages.map(({ topic, qos, dup }) => [topic, qos, dup])).toEqual(
        [0, 1, 2].map((sent) => [`t/${sent}`, Math.min(sent, granted), false]),
      );
      await client.leave();
    }
  },
);

conformance(
  'v5',
  ['MQTT-4.6.0-5', 'MQTT-4.6.0-6'],
  'messages of one publisher on a topic keep their order, per QoS',
  async (rig) => {
    const client = await V5Client.connect(rig, { properties: [['receiveMaximum', 3]] });
    await client.subscribe({ 'o/#': 2 });
    const publisher = await V5Client.connect(rig);
    const numbers = Array.from({ length: 30 }, (_, n) => n);
    publisher.send(
      ...numbers.map((n) => publish({ topic: 'o/t', qos: n % 3, id: n + 1, payload: String(n) })),
    );
    const messages = await client.receive(30);
    for (const qos of [0, 1, 2]) {
      const own = messages.filter((message) => message.qos === qos).map(({ payload }) => Number(payload));
      expect(own).toEqual(numbers.filter((n) => n % 3 === qos));
    }
  },
);

conformance(
  'v5',
  ['MQTT-4.9.0-1', 'MQTT-4.9.0-2', 'MQTT-4.9.0-3', 'MQTT-3.3.4-9', 'MQTT-3.3.4-10'],
  'no more QoS 1 and 2 messages are under way than the client can take, everything else goes on',
  async (rig) => {
    const client = await V5Client.connect(rig, { properties: [['receiveMaximum', 2]] });
    await client.subscribe({ 't/#': 2, zero: 0 });
    const publisher = await V5Client.connect(rig);
    for (const n of [1, 2, 3, 4]) await publisher.publish({ topic: `t/${n}`, qos: 1 + (n % 2) });
    const first = await client.take('publish');
    const second = await client.take('publish');
    expect([first.topic, second.topic]).toEqual(['t/1', 't/2']);
    expect(await client.waiting()).toEqual([]);
    client.send(subscribe(900, [['other', 1]]));
    expect((await client.take('suback')).id).toBe(900);
    expect((await client.publish({ topic: 'elsewhere', qos: 2 })).code).toBeLessThan(0x80);
    client.send(ack('puback', second.id));
    expect((await client.take('publish')).topic).toBe('t/3');
    client.send(ack('pubrec', first.id));
    expect((await client.take('pubrel')).id).toBe(first.id);
    // PUBREC alone does not give the quota back, PUBCOMP does.
    expect(await client.waiting()).toEqual([]);
    client.send(ack('pubcomp', first.id));
    expect((await client.take('publish')).topic).toBe('t/4');
  },
);
