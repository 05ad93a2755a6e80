/** How connections end: time, rights, the log, the end of the server. */

import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MQTT_LINGER_MS } from '../../base/limits.ts';
import { silentLogger } from '../../base/logger.ts';
import { noReceipts } from '../../model/ports/ledger.ts';
import { unwatched } from '../../model/ports/presence.ts';
import { MqttServer } from './mqtt-server.ts';
import {
  connectPacket,
  PING,
  publishPacket,
  RawClient,
  readPublish,
  subscribePacket,
  until,
} from './test-client.ts';
import { FakeLog, FakeSecurity, type Rig, startRig } from './test-support.ts';

const T = 'v1/d1/telemetry';
const reasons = (rig: Rig): readonly unknown[] =>
  rig.events.flatMap(({ type, data }) =>
    type === 'device.disconnected' ? [(data as { reason: string }).reason] : [],
  );
/** The sweep runs on the timers of the process; what it finds is decided by the manual clock. */
const advance = (rig: Rig, ms: number): void => rig.clock.advance(ms);

describe('time', () => {
  it('ends a connection that is silent for one and a half times its keep-alive [MQTT-3.1.2-24]', async () => {
    await using rig = await startRig();
    const quick = await rig.client('d1', { keepalive: 10 });
    const patient = await rig.client('d2', { keepalive: 20 });
    const eternal = await rig.client('d3');
    advance(rig, 14_000);
    await quick.settled();
    advance(rig, 14_000);
    await patient.settled();
    advance(rig, 1_500);
    await quick.closed;
    expect(reasons(rig)).toEqual(['keep-alive']);
    expect([await patient.settled(), await eternal.settled()]).toEqual([[], []]);
    advance(rig, 10_000_000);
    await patient.closed;
    expect(await eternal.settled()).toEqual([]);
  });

  it('does not count the bytes of a small packet that never ends as a sign of life', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1', { keepalive: 10 });
    advance(rig, 10_000);
    client.send(publishPacket(T, 'x').subarray(0, 5));
    const other = await rig.client('d2');
    await other.settled();
    advance(rig, 6_000);
    await client.closed;
    expect(reasons(rig)).toEqual(['keep-alive']);
  });

  it('ends with the rights of the principal', async () => {
    const security = new FakeSecurity();
    await using rig = await startRig({ security });
    security.expiresAt = rig.clock.now() + 1_000;
    const client = await rig.client('admin');
    expect(await client.settled()).toEqual([]);
    advance(rig, 1_000);
    await client.closed;
  });

  it('cuts off a peer that does not let its connection end', async () => {
    await using rig = await startRig();
    const socket = connect({ port: rig.port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    socket.resume();
    socket.write(connectPacket('d1'));
    await until(() => rig.meter.read('iot_mqtt_connections mqtt') === 1);
    rig.security.end('device:d1');
    await once(socket, 'end');
    expect(socket.destroyed).toBe(false);
    advance(rig, MQTT_LINGER_MS + 1);
    const cut = new Promise((done) => socket.once('close', done));
    socket.on('error', () => socket.destroy());
    // Its end is seen by writing into it.
    const writing = setInterval(() => socket.write(PING), 5);
    await cut;
    clearInterval(writing);
  });
});

describe('rights that change', () => {
  it('end the sessions of who lost them, and only those', async () => {
    await using rig = await startRig();
    const [one, two, other] = [
      await rig.client('d1', { clientId: 'a' }),
      await rig.client('d1', { clientId: 'b' }),
      await rig.client('d2'),
    ];
    rig.security.end('device:d1');
    await Promise.all([one.closed, two.closed]);
    expect(reasons(rig)).toEqual(['kicked', 'kicked']);
    expect(await other.settled()).toEqual([]);
  });

  it('end subscriptions, deliveries and remembered verdicts', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1');
    client.send(subscribePacket(1, { 'v1/d1/#': 0, [T]: 0 }), publishPacket(T, 'x'));
    await client.next();
    await client.next();
    expect(rig.meter.read('iot_mqtt_subscriptions')).toBe(2);
    rig.security.forbidden.add(T);
    rig.security.change('device:d2');
    expect(rig.meter.read('iot_mqtt_subscriptions')).toBe(2);
    rig.security.change('device:d1');
    expect(rig.meter.read('iot_mqtt_subscriptions')).toBe(1);
    client.send(publishPacket('v1/d1/else', 'still allowed'));
    expect(readPublish(await client.next()).payload).toBe('still allowed');
    rig.security.change('device:d1');
    client.send(publishPacket('v1/d1/else', 'after the change, too'));
    expect(readPublish(await client.next()).payload).toBe('after the change, too');
    const admin = await rig.client('admin');
    rig.security.forbidden.delete(T);
    admin.send(publishPacket('v1/d1/other', 'allowed'));
    expect(readPublish(await client.next()).payload).toBe('allowed');
    rig.security.forbidden.add(T);
    client.send(publishPacket(T, 'y'));
    await client.closed;
    expect(rig.log.texts).toEqual(['x', 'still allowed', 'after the change, too', 'allowed']);
    expect(rig.meter.read('iot_requests_total mqtt denied')).toBe(1);
  });
});

describe('back-pressure of the log', () => {
  it('pauses who publishes, does not call it silence, and lets in who comes', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1', { keepalive: 10 });
    client.send(publishPacket(T, 'before'));
    await until(() => rig.log.next === 1);
    rig.log.congest(true);
    client.send(publishPacket(T, 'later'));
    const late = await rig.client('d2');
    late.send(publishPacket('v1/d2/telemetry', 'its first, and no more'));
    await until(() => rig.log.next === 2);
    late.send(publishPacket('v1/d2/telemetry', 'later'));
    for (let i = 0; i < 50; i += 1) await turn();
    expect(rig.log.next).toBe(2);
    advance(rig, 60_000);
    await new Promise((done) => setTimeout(done, 600));
    expect(client.isClosed).toBe(false);
    rig.log.congest(false);
    await until(() => rig.log.next === 4);
    expect(await client.settled()).toEqual([]);
    advance(rig, 16_000);
    await client.closed;
  });
});

describe('a client that only takes messages', () => {
  it('is read while the log is behind, or it would get none for want of its acknowledgements', async () => {
    await using rig = await startRig();
    const client = await rig.client('admin');
    client.send(subscribePacket(1, { 'v1/#': 1 }));
    await client.next();
    rig.log.congest(true);
    client.send(subscribePacket(2, { 'v2/#': 1 }));
    expect(await client.nextHex()).toBe('9003000201');
  });
});

describe('stop', () => {
  it('acknowledges what is on its way to the disk, then closes; nothing is left listening', async () => {
    await using rig = await startRig({ log: new FakeLog(false) });
    const client = await rig.client('d1');
    client.send(publishPacket(T, 'x', { qos: 1, messageId: 1 }));
    await until(() => rig.log.next === 1);
    const held = await rig.dial();
    held.send(connectPacket('d2', { password: 'slow' }));
    await until(() => rig.security.held.length === 1);
    const stopped = rig.server.stop();
    await turn();
    rig.log.commit();
    expect(await client.nextHex()).toBe('40020001');
    await Promise.all([client.closed, held.closed, stopped]);
    rig.security.held[0]?.();
    await turn();
    expect([rig.log.listeners, rig.security.listeners, rig.meter.size]).toEqual([0, 0, 0]);
    await expect(RawClient.dial(rig.port)).rejects.toThrow('ECONNREFUSED');
  });

  it('does not acknowledge what never got to the disk, and ends all the same', async () => {
    const log = new FakeLog(false);
    await using rig = await startRig({ log });
    const client = await rig.client('d1');
    client.send(publishPacket(T, 'x', { qos: 1, messageId: 1 }));
    await until(() => rig.log.next === 1);
    await rig.server.stop();
    await client.closed;
    expect(client.waiting).toEqual([]);
  });

  it('can be followed by a start, on the same port, with what was retained', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1');
    client.send(publishPacket(T, 'kept', { retain: true }));
    await client.settled();
    await rig.server.stop();
    await rig.server.start();
    expect(rig.server.addresses.mqtt?.port).toBe(rig.port);
    const again = await rig.client('d1');
    again.send(subscribePacket(1, { 'v1/d1/#': 0 }));
    await again.next();
    expect(readPublish(await again.next())).toMatchObject({ payload: 'kept', retain: true });
  });

  it('undoes a start whose port is taken', async () => {
    await using rig = await startRig();
    const log = new FakeLog();
    const { security, state, clock } = rig;
    const second = new MqttServer({
      listeners: [{ name: 'mqtt', transport: 'tcp', host: '127.0.0.1', port: rig.port }],
      version: '1.2.3',
      log,
      lookup: log,
      security: new FakeSecurity(),
      state,
      clock,
      connections: unwatched,
      receipts: noReceipts,
      meter: { add: () => undefined, observe: () => undefined, collect: () => () => undefined },
      logger: silentLogger,
    });
    await expect(second.start()).rejects.toMatchObject({ code: 'port.taken' });
    expect(log.listeners).toBe(0);
    expect(security.listeners).toBe(2);
  });
});
