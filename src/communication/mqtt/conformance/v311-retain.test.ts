/** Retained messages of MQTT 3.1.1, section 3.3.1.3. */
import { expect } from 'vitest';
import { conformance } from './case.ts';
import { join, messages, publish, subscribe, texts, vanish } from './v311-steps.ts';

conformance(
  'v311',
  ['MQTT-3.3.1-5', 'MQTT-3.3.1-6', 'MQTT-3.3.1-8'],
  'a new subscription gets the retained message of each topic, at its QoS, with RETAIN',
  async (rig) => {
    const publisher = await join(rig, 'p');
    for (const qos of [0, 1, 2] as const)
      await publish(publisher, `r/${qos}`, `q${qos}`, { qos, retain: true });
    const client = await join(rig, 'c');
    expect(await subscribe(client, { 'r/+': 2 })).toEqual([2]);
    const got = await messages(client, 3);
    expect(got.map(({ retain, dup }) => [retain, dup])).toEqual([
      [true, false],
      [true, false],
      [true, false],
    ]);
    expect(got.map(({ topic, payload, qos }) => `${topic} ${payload} ${qos}`).toSorted()).toEqual([
      'r/0 q0 0',
      'r/1 q1 1',
      'r/2 q2 2',
    ]);
  },
);

conformance(
  'v311',
  ['MQTT-3.3.1-6', 'MQTT-3.8.4-6'],
  'a retained message comes at no more than the granted QoS',
  async (rig) => {
    await publish(await join(rig, 'p'), 'r', 'x', { qos: 2, retain: true });
    for (const qos of [0, 1, 2] as const) {
      const client = await join(rig, `c${qos}`);
      await subscribe(client, { r: qos });
      expect(await texts(client, 1)).toEqual([`r x ${qos}`]);
    }
  },
);

conformance('v311', ['MQTT-3.3.1-6'], 'only the last retained message of a topic comes', async (rig) => {
  const publisher = await join(rig, 'p');
  for (const payload of ['1', '2', '3']) await publish(publisher, 'r', payload, { retain: true });
  const client = await join(rig, 'c');
  await subscribe(client, { '#': 0 });
  expect(await texts(client, 1)).toEqual(['r 3 0']);
});

conformance(
  'v311',
  ['MQTT-3.3.1-7'],
  'a retained message at QoS 0 replaces one at a higher QoS',
  async (rig) => {
    const publisher = await join(rig, 'p');
    await publish(publisher, 'r', 'old', { qos: 2, retain: true });
    await publish(publisher, 'r', 'new', { qos: 0, retain: true });
    const client = await join(rig, 'c');
    await subscribe(client, { r: 2 });
    expect(await texts(client, 1)).toEqual(['r new 0']);
  },
);

conformance(
  'v311',
  ['MQTT-3.3.1-9'],
  'what comes to an established subscription has no RETAIN',
  async (rig) => {
    const client = await join(rig, 'c');
    await subscribe(client, { r: 2 });
    const publisher = await join(rig, 'p');
    for (const qos of [0, 1, 2] as const) await publish(publisher, 'r', `${qos}`, { qos, retain: true });
    expect((await messages(client, 3)).map(({ retain }) => retain)).toEqual([false, false, false]);
  },
);

conformance(
  'v311',
  ['MQTT-3.3.1-10', 'MQTT-3.3.1-11'],
  'an empty retained message is delivered, removes the old one and is not stored',
  async (rig) => {
    const publisher = await join(rig, 'p');
    await publish(publisher, 'r', 'old', { retain: true });
    const there = await join(rig, 'there');
    await subscribe(there, { r: 1 });
    expect(await texts(there, 1)).toEqual(['r old 1']);
    await publish(publisher, 'r', '', { retain: true });
    expect(await messages(there, 1)).toMatchObject([{ topic: 'r', payload: '', retain: false, qos: 1 }]);
    const late = await join(rig, 'late');
    await subscribe(late, { '#': 1 });
    expect(await messages(late, 0)).toEqual([]);
    expect(rig.meter.read('iot_mqtt_retained')).toBe(0);
  },
);

conformance(
  'v311',
  ['MQTT-3.3.1-12'],
  'without RETAIN nothing is stored, removed or replaced',
  async (rig) => {
    const publisher = await join(rig, 'p');
    await publish(publisher, 'kept', 'old', { retain: true });
    await publish(publisher, 'kept', 'new');
    await publish(publisher, 'kept', '');
    await publish(publisher, 'other', 'x');
    const client = await join(rig, 'c');
    await subscribe(client, { '#': 0 });
    expect(await texts(client, 1)).toEqual(['kept old 0']);
  },
);

conformance('v311', ['MQTT-3.1.2-7'], 'retained messages outlive the session that made them', async (rig) => {
  const publisher = await join(rig, 'p', { clean: true });
  await publish(publisher, 'r', 'stays', { retain: true });
  await vanish(rig, publisher);
  await vanish(rig, await join(rig, 'p', { clean: true }));
  const client = await join(rig, 'c');
  await subscribe(client, { r: 0 });
  expect(await texts(client, 1)).toEqual(['r stays 0']);
});

conformance(
  'v311',
  ['MQTT-3.8.4-3', 'MQTT-3.3.1-8'],
  'the same filter again brings the retained messages again',
  async (rig) => {
    const publisher = await join(rig, 'p');
    await publish(publisher, 'r/1', 'x', { retain: true });
    const client = await join(rig, 'c');
    await subscribe(client, { 'r/#': 0 });
    expect(await messages(client, 1)).toMatchObject([{ retain: true, qos: 0 }]);
    await subscribe(client, { 'r/#': 1 }, 2);
    expect(await messages(client, 1)).toMatchObject([{ retain: true, qos: 1 }]);
    await publish(publisher, 'r/1', 'y');
    expect(await messages(client, 1)).toMatchObject([{ retain: false, qos: 1, payload: 'y' }]);
  },
);
