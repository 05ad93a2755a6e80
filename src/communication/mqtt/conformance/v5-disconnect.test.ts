/** How connections end: sections 3.12, 3.14 and 4.13. */
import { expect } from 'vitest';
import { PING } from '../test-client.ts';
import { conformance } from './case.ts';
import { endOf, V5Client } from './v5-client.ts';
import { ack, disconnect, frame, publish, subscribe } from './v5-packets.ts';

conformance(
  'v5',
  ['MQTT-3.12.4-1', 'MQTT-4.2.0-1'],
  'each PINGREQ gets a PINGRESP, in its place among the answers',
  async (rig) => {
    const client = await V5Client.connect(rig);
    client.send(PING, subscribe(1, [['a', 0]]), PING, ack('pubrel', 5), PING);
    const commands: string[] = [];
    for (let n = 0; n < 5; n += 1) commands.push((await client.next()).command);
    expect(commands.filter((command) => command === 'pingresp')).toHaveLength(3);
  },
);

conformance(
  'v5',
  ['MQTT-3.14.4-1', 'MQTT-3.14.4-2'],
  'what a client sends after DISCONNECT is not processed, and the server says nothing more',
  async (rig) => {
    const client = await V5Client.connect(rig);
    client.send(disconnect(), publish({ qos: 1 }), subscribe(1, [['a', 0]]), PING);
    await client.raw.closed;
    expect(client.raw.waiting).toEqual([]);
    expect(rig.log.next).toBe(0);
  },
);

conformance(
  'v5',
  ['MQTT-3.14.4-2', 'MQTT-4.13.1-1', 'MQTT-4.13.2-1'],
  'after its DISCONNECT the server closes, and what came with the fault is not processed',
  async (rig) => {
    const client = await V5Client.connect(rig);
    client.send(publish({ qos: 3 }), publish({ qos: 1, payload: 'late' }), PING);
    expect(await client.end()).toBe(0x81);
    expect(rig.log.next).toBe(0);
  },
);

conformance(
  'v5',
  ['MQTT-3.14.2-1', 'MQTT-3.14.2-2'],
  'a DISCONNECT of the server has a listed reason and no Session Expiry',
  async (rig) => {
    const fields = { clientId: 'c', properties: [['sessionExpiry', 100]] } as const;
    const client = await V5Client.connect(rig, fields);
    client.send(publish({ topic: '' }));
    await client.raw.closed;
    const last = await client.take('disconnect');
    expect(last.all('sessionExpiry')).toEqual([]);
  },
);

conformance(
  'v5',
  ['MQTT-3.14.2-3', 'MQTT-3.1.2-24'],
  'a DISCONNECT is no larger than the client can take',
  async (rig) => {
    for (const size of [40, 64]) {
      const client = await V5Client.connect(rig, { properties: [['maximumPacketSize', size]] });
      client.send(frame(0xf1));
      await client.raw.closed;
      const last = await client.take('disconnect');
      expect(last.code).toBe(0x81);
      expect(last.sizeBytes).toBeLessThanOrEqual(size);
    }
  },
);

conformance(
  'v5',
  ['MQTT-3.14.2-1'],
  'a server that stops says 0x8B to everyone, after the acknowledgements that are due',
  async (rig) => {
    const client = await V5Client.connect(rig);
    client.send(publish({ qos: 1, id: 5 }));
    const other = await V5Client.connect(rig);
    await rig.server.stop();
    expect((await client.take('puback')).id).toBe(5);
    expect(await client.end()).toBe(0x8b);
    expect(await other.end()).toBe(0x8b);
  },
);

conformance('v5', ['MQTT-3.14.2-1'], 'a client whose rights end is told 0x87 or 0x98', async (rig) => {
  const client = await V5Client.connect(rig, { username: 'd1' });
  rig.security.end('device:d1');
  expect([0x87, 0x98]).toContain(await client.end());
});

conformance(
  'v5',
  ['MQTT-4.13.2-1'],
  'the end of one connection is nothing to the others, and nothing to its session',
  async (rig) => {
    const fields = { clientId: 'c', clean: false, properties: [['sessionExpiry', 100]] } as const;
    const bystander = await V5Client.connect(rig);
    expect(await endOf(rig, [subscribe(1, [['t', 1]]), publish({ qos: 3 })], fields).catch(String)).not.toBe(
      'open',
    );
    const back = await V5Client.connect(rig, fields);
    expect(back.connack.isSessionPresent).toBe(true);
    expect(await bystander.waiting()).toEqual([]);
  },
);
