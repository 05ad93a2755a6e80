/** Who may connect, who has a client id, and what a will is for. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { MQTT_CONNECT_TIMEOUT_MS } from '../../base/limits.ts';
import {
  type ConnectOptions,
  connectPacket,
  DISCONNECT,
  packet,
  readPublish,
  subscribePacket,
  until,
} from './test-client.ts';
import { type Rig, startRig } from './test-support.ts';

const T = 'v1/d1/telemetry';
const will = (
  options: Partial<NonNullable<ConnectOptions['will']>> = {},
): NonNullable<ConnectOptions['will']> => ({
  topic: T,
  payload: Buffer.from('will'),
  qos: 1,
  retain: false,
  ...options,
});
const reasons = (rig: Rig): readonly unknown[] =>
  rig.events.flatMap(({ type, data }) =>
    type === 'device.disconnected' ? [(data as { reason: string }).reason] : [],
  );
/** The sweep runs on the timers of the process; what it finds is decided by the manual clock. */
const advance = (rig: Rig, ms: number): void => rig.clock.advance(ms);

describe('CONNECT', () => {
  it('hands everything it says to the security port, and tells of the device', async () => {
    await using rig = await startRig();
    await rig.client('d1', { clientId: 'c1' });
    expect(rig.security.asked).toEqual([
      {
        username: 'd1',
        password: Buffer.from('right'),
        clientId: 'c1',
        address: '127.0.0.1',
        certificateName: undefined,
      },
    ]);
    expect(rig.events).toEqual([
      { type: 'device.connected', data: { device: 'd1', transport: 'mqtt', address: '127.0.0.1' } },
    ]);
    expect(rig.meter.read('iot_mqtt_connections mqtt')).toBe(1);
  });

  it('is taken from MQTT 3.1 (MQIsdp), without an id, and with a kept session that is new', async () => {
    await using rig = await startRig();
    const fields = { username: 'd1', password: Buffer.from('right'), keepalive: 0 } as const;
    for (const [name, options] of [
      ['MQIsdp', { protocolId: 'MQIsdp', protocolVersion: 3, clean: true, clientId: 'old' }],
      ['no id', { protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId: '' }],
      ['no id, again', { protocolId: 'MQTT', protocolVersion: 4, clean: true, clientId: '' }],
      ['kept', { protocolId: 'MQTT', protocolVersion: 4, clean: false, clientId: 'kept' }],
    ] as const) {
      const client = await rig.dial();
      client.send(packet({ cmd: 'connect', ...fields, ...options }));
      expect([name, await client.nextHex()]).toEqual([name, '20020000']);
    }
    expect(rig.meter.read('iot_mqtt_connections mqtt')).toBe(4);
  });

  it.each([
    ['auth.unavailable', '20020003'],
    ['throws', '20020003'],
    ['auth.forbidden', '20020005'],
  ] as const)('is refused when security says %s', async (fault, connack) => {
    await using rig = await startRig();
    rig.security.fault = fault;
    const client = await rig.dial();
    client.send(connectPacket('d1'));
    expect(await client.nextHex()).toBe(connack);
    await client.closed;
    expect(rig.events).toEqual([]);
  });

  it('with a will on a topic that is not allowed is refused', async () => {
    await using rig = await startRig();
    const client = await rig.dial();
    client.send(connectPacket('d1', { will: will({ topic: 'v1/d2/telemetry' }) }));
    expect(await client.nextHex()).toBe('20020005');
    await client.closed;
    expect(rig.log.next).toBe(0);
  });

  it('that does not come in time ends the connection, half sent or not at all', async () => {
    await using rig = await startRig();
    const silent = await rig.dial();
    const slow = await rig.dial();
    slow.send(connectPacket('d1').subarray(0, 12));
    const held = await rig.dial();
    held.send(connectPacket('d1', { password: 'slow' }));
    await until(() => rig.security.held.length === 1);
    advance(rig, MQTT_CONNECT_TIMEOUT_MS + 1);
    await Promise.all([silent.closed, slow.closed, held.closed]);
    rig.security.held[0]?.();
    await turn();
    expect(rig.events).toEqual([]);
  });

  it('of a client that left while it was asked for is forgotten', async () => {
    await using rig = await startRig();
    const client = await rig.dial();
    client.send(connectPacket('d1', { password: 'slow', will: will() }));
    await until(() => rig.security.held.length === 1);
    client.destroy();
    advance(rig, MQTT_CONNECT_TIMEOUT_MS + 1);
    await client.closed;
    const other = await rig.client('d1');
    rig.security.held[0]?.();
    await other.settled();
    expect(other.isClosed).toBe(false);
    expect(rig.log.next).toBe(0);
    expect(rig.events).toHaveLength(1);
  });

  it('is refused when rights end while it is being looked at', async () => {
    await using rig = await startRig();
    const client = await rig.dial();
    client.send(connectPacket('d1', { password: 'slow' }));
    await until(() => rig.security.held.length === 1);
    rig.security.end('device:d1');
    rig.security.held[0]?.();
    expect(await client.nextHex()).toBe('20020005');
    await client.closed;
    expect(rig.events).toEqual([]);
  });
});

describe('one client id', () => {
  it('is one session: the newcomer takes over [MQTT-3.1.4-2], and the will of the other is published', async () => {
    await using rig = await startRig();
    const first = await rig.client('d1', { will: will() });
    first.send(subscribePacket(1, { 'v1/d1/#': 0 }));
    await first.next();
    const second = await rig.client('d1');
    await first.closed;
    expect(first.waiting).toEqual([]);
    expect(reasons(rig)).toEqual(['taken-over']);
    expect(rig.log.texts).toEqual(['will']);
    expect(await second.settled()).toEqual([]);
    expect(rig.meter.read('iot_mqtt_subscriptions')).toBe(0);
  });

  it('goes to the later of two CONNECTs, whichever is known first', async () => {
    await using rig = await startRig();
    const [earlier, later] = [await rig.dial(), await rig.dial()];
    earlier.send(connectPacket('d1', { password: 'slow' }));
    await until(() => rig.security.held.length === 1);
    later.send(connectPacket('d1', { password: 'slow' }));
    await until(() => rig.security.held.length === 2);
    rig.security.held[1]?.();
    expect(await later.nextHex()).toBe('20020000');
    rig.security.held[0]?.();
    await earlier.closed;
    expect(earlier.waiting).toEqual([]);
    expect(await later.settled()).toEqual([]);
    expect(rig.meter.read('iot_mqtt_connections mqtt')).toBe(1);
  });

  it('leaves one session when both are known in the same moment', async () => {
    await using rig = await startRig();
    const clients = [await rig.dial(), await rig.dial(), await rig.dial()];
    for (const [i, client] of clients.entries()) {
      client.send(connectPacket('d1', { password: 'slow' }));
      await until(() => rig.security.held.length === i + 1);
    }
    for (const release of rig.security.held) release();
    expect(await clients[2]?.nextHex()).toBe('20020000');
    await Promise.all([clients[0]?.closed, clients[1]?.closed]);
    expect(await clients[2]?.settled()).toEqual([]);
    expect(rig.meter.read('iot_mqtt_connections mqtt')).toBe(1);
  });

  it('is each principal’s own: nobody can end, or keep out, the session of another', async () => {
    await using rig = await startRig();
    const device = await rig.client('d1', { clientId: 'same' });
    const admin = await rig.client('admin', { clientId: 'same' });
    expect([await device.settled(), await admin.settled()]).toEqual([[], []]);
  });
});

describe('the will', () => {
  it('is published when the connection just ends [MQTT-3.1.2-8], with its QoS and RETAIN, through the log', async () => {
    await using rig = await startRig();
    const admin = await rig.client('admin');
    admin.send(subscribePacket(1, { '#': 1 }));
    await admin.next();
    const client = await rig.client('d1', { will: will({ retain: true }) });
    client.destroy();
    expect(readPublish(await admin.next())).toMatchObject({
      topic: T,
      payload: 'will',
      qos: 1,
      retain: false,
    });
    expect(rig.log.packets).toMatchObject([{ origin: 'd1', topic: T, qos: 1 }]);
    expect(rig.meter.read('iot_mqtt_retained')).toBe(1);
    expect(reasons(rig)).toEqual(['network']);
  });

  it('is discarded by DISCONNECT [MQTT-3.14.4-3]', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1', { will: will() });
    client.send(DISCONNECT);
    await client.closed;
    expect(rig.log.next).toBe(0);
    expect(reasons(rig)).toEqual(['clean']);
  });

  it('is not published when its topic is no longer allowed', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1', { will: will() });
    rig.security.forbidden.add(T);
    rig.security.end('device:d1');
    await client.closed;
    expect(rig.log.next).toBe(0);
    expect(reasons(rig)).toEqual(['kicked']);
  });

  it('is published when the server stops', async () => {
    await using rig = await startRig();
    const client = await rig.client('d1', { will: will() });
    await rig.server.stop();
    await client.closed;
    expect(rig.log.texts).toEqual(['will']);
    expect(reasons(rig)).toEqual(['shutdown']);
  });
});
