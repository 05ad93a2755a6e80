/** What the server says of a kept session is on disk when it says it. */
import { describe, expect, it } from 'vitest';
import {
  type ConnectOptions,
  connectPacket,
  DISCONNECT,
  publishPacket,
  type RawClient,
  readPublish,
  subscribePacket,
  unsubscribePacket,
  until,
} from './test-client.ts';
import { type Rig, startRig } from './test-support.ts';

const NEW = '20020000';
const PRESENT = '20020100';

async function join(rig: Rig, options: ConnectOptions = {}): Promise<RawClient> {
  const client = await rig.dial();
  client.send(connectPacket('admin', { clean: false, ...options }));
  return client;
}

/** The state store fails while `during` runs; how much the client had been sent by then. */
async function whileFailing(rig: Rig, client: RawClient, during: () => void): Promise<number> {
  rig.state.writeFault = new Error('disk');
  during();
  const other = await rig.client('d9');
  for (let i = 0; i < 5; i += 1) await other.settled();
  rig.state.writeFault = undefined;
  return client.waiting.length;
}

describe('a kept session', () => {
  it('is on disk before its CONNACK, its subscriptions before SUBACK and UNSUBACK', async () => {
    await using rig = await startRig();
    const client = await rig.dial();
    expect(await whileFailing(rig, client, () => client.send(connectPacket('admin', { clean: false })))).toBe(
      0,
    );
    expect(await client.nextHex()).toBe(NEW);
    expect(await whileFailing(rig, client, () => client.send(subscribePacket(1, { a: 1 })))).toBe(0);
    expect(await client.nextHex()).toBe('9003000101');
    expect(await whileFailing(rig, client, () => client.send(unsubscribePacket(2, 'a')))).toBe(0);
    expect(await client.nextHex()).toBe('b0020002');
  });

  it('is gone from the disk before a clean start is told that it has none', async () => {
    await using rig = await startRig();
    const first = await join(rig);
    expect(await first.nextHex()).toBe(NEW);
    first.send(DISCONNECT);
    await first.closed;
    const second = await rig.dial();
    expect(await whileFailing(rig, second, () => second.send(connectPacket('admin', { clean: true })))).toBe(
      0,
    );
    expect(await second.nextHex()).toBe(NEW);
    expect(rig.state.table('mqtt-sessions').count).toBe(0);
  });

  it('is present when its client comes back, takes over or after a restart of the server, with what it missed', async () => {
    await using rig = await startRig();
    const first = await join(rig);
    expect(await first.nextHex()).toBe(NEW);
    first.send(subscribePacket(1, { 'v1/#': 2 }));
    await first.next();
    const second = await join(rig);
    expect(await second.nextHex()).toBe(PRESENT);
    await first.closed;
    second.destroy();
    await until(() => rig.meter.read('iot_mqtt_connections mqtt') === 0);
    const device = await rig.client('d1');
    device.send(publishPacket('v1/d1/x', 'missed', { qos: 1, messageId: 1 }));
    await device.next();
    device.send(publishPacket('v1/d1/x', 'gone', { qos: 0 }));
    await device.settled();
    await rig.server.stop();
    await using next = await startRig({ log: rig.log, state: rig.state });
    const third = await join(next);
    expect(await third.nextHex()).toBe(PRESENT);
    expect(readPublish(await third.next())).toMatchObject({ payload: 'missed', qos: 1, dup: false });
    expect(await third.settled()).toEqual([]);
  });

  it('does not make one of a client that wants none', async () => {
    await using rig = await startRig();
    const before = rig.state.batches;
    const client = await join(rig, { clean: true });
    expect(await client.nextHex()).toBe(NEW);
    client.send(subscribePacket(1, { a: 1 }));
    await client.next();
    expect(rig.state.batches).toBe(before);
  });
});
