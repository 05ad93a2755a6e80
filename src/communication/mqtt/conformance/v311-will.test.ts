/** The will of MQTT 3.1.1, sections 3.1.2.5 to 3.1.2.7 and 3.14.4. */
import { expect } from 'vitest';
import { type ConnectOptions, DISCONNECT, until } from '../test-client.ts';
import { conformance } from './case.ts';
import { field, join, messages, publish, raw, subscribe, texts, vanish } from './v311-steps.ts';

type Will = NonNullable<ConnectOptions['will']>;
const will = (options: Partial<Will> = {}): Will => ({
  topic: 'w',
  payload: Buffer.from('will'),
  qos: 1,
  retain: false,
  ...options,
});

conformance(
  'v311',
  ['MQTT-3.1.2-8', 'MQTT-3.1.2-9'],
  'the will is published when the network fails, at its QoS',
  async (rig) => {
    const watcher = await join(rig, 'watcher');
    await subscribe(watcher, { w: 2 });
    for (const qos of [0, 1, 2] as const) {
      await vanish(rig, await join(rig, 'c', { will: will({ qos }) }));
      expect(await texts(watcher, 1)).toEqual([`w will ${qos}`]);
    }
  },
);

conformance(
  'v311',
  ['MQTT-3.1.2-8'],
  'the will is published when a violation ends the connection',
  async (rig) => {
    const watcher = await join(rig, 'watcher');
    await subscribe(watcher, { w: 1 });
    const client = await join(rig, 'c', { will: will() });
    client.send(raw(0x36, `${field('t')} 0001 31`));
    await client.closed;
    expect(await texts(watcher, 1)).toEqual(['w will 1']);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.2-8', 'MQTT-3.1.4-2'],
  'the will is published when another connection takes over',
  async (rig) => {
    const watcher = await join(rig, 'watcher');
    await subscribe(watcher, { w: 1 });
    const first = await join(rig, 'c', { will: will() });
    await join(rig, 'c');
    await first.closed;
    expect(await texts(watcher, 1)).toEqual(['w will 1']);
  },
);

conformance('v311', ['MQTT-3.1.2-8'], 'a will without bytes is published, too', async (rig) => {
  const watcher = await join(rig, 'watcher');
  await subscribe(watcher, { w: 1 });
  await vanish(rig, await join(rig, 'c', { will: will({ payload: Buffer.alloc(0) }) }));
  expect(await texts(watcher, 1)).toEqual(['w  1']);
});

conformance(
  'v311',
  ['MQTT-3.1.2-10', 'MQTT-3.14.4-3'],
  'DISCONNECT discards the will, for good',
  async (rig) => {
    for (const clean of [true, false]) {
      const client = await join(rig, 'c', { clean, will: will({ retain: true }) });
      client.send(DISCONNECT);
      await client.closed;
      await vanish(rig, await join(rig, 'c', { clean }));
    }
    expect(rig.log.next).toBe(0);
    expect(rig.meter.read('iot_mqtt_retained')).toBe(0);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.2-10'],
  'a published will is gone: the next end of a kept session has none',
  async (rig) => {
    await vanish(rig, await join(rig, 'c', { clean: false, will: will() }));
    await until(() => rig.log.next === 1);
    await vanish(rig, await join(rig, 'c', { clean: false }));
    await publish(await join(rig, 'p'), 'end', 'x');
    expect(rig.log.texts).toEqual(['will', 'x']);
  },
);

conformance('v311', ['MQTT-3.1.2-12'], 'without a will none is published', async (rig) => {
  await vanish(rig, await join(rig, 'c'));
  await publish(await join(rig, 'p'), 'end', 'x');
  expect(rig.log.texts).toEqual(['x']);
});

conformance('v311', ['MQTT-3.1.2-16'], 'will retain 0 leaves nothing for later subscribers', async (rig) => {
  await vanish(rig, await join(rig, 'c', { will: will() }));
  await until(() => rig.log.next === 1);
  const late = await join(rig, 'late');
  await subscribe(late, { '#': 1 });
  expect(await messages(late, 0)).toEqual([]);
});

conformance(
  'v311',
  ['MQTT-3.1.2-17', 'MQTT-3.3.1-5'],
  'will retain 1 is stored for later subscribers',
  async (rig) => {
    await vanish(rig, await join(rig, 'c', { will: will({ retain: true }) }));
    await until(() => rig.meter.read('iot_mqtt_retained') === 1);
    const late = await join(rig, 'late');
    await subscribe(late, { w: 1 });
    expect(await messages(late, 1)).toMatchObject([{ topic: 'w', payload: 'will', qos: 1, retain: true }]);
  },
);

conformance(
  'v311',
  ['MQTT-3.1.2-17', 'MQTT-3.3.1-10'],
  'an empty retained will removes what was retained',
  async (rig) => {
    await publish(await join(rig, 'p'), 'w', 'online', { retain: true });
    await vanish(rig, await join(rig, 'c', { will: will({ retain: true, payload: Buffer.alloc(0) }) }));
    await until(() => rig.log.next === 2);
    const late = await join(rig, 'late');
    await subscribe(late, { w: 1 });
    expect(await messages(late, 0)).toEqual([]);
  },
);
