/** The npm client `mqtt`, as devices and dashboards use it. */
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { until } from './test-client.ts';
import { FakeLog, type Rig, startRig } from './test-support.ts';

async function join(rig: Rig, username: string, options: IClientOptions = {}): Promise<MqttClient> {
  return await connectAsync(`mqtt://127.0.0.1:${rig.port}`, {
    username,
    password: 'right',
    clientId: username,
    reconnectPeriod: 0,
    keepalive: 0,
    ...options,
  });
}

const collect = (client: MqttClient): string[] => {
  const seen: string[] = [];
  client.on('message', (topic, payload, { qos, retain }) =>
    seen.push(`${topic} ${payload.toString()} ${qos} ${retain}`),
  );
  return seen;
};

describe('the mqtt package', () => {
  it('publishes at QoS 0, 1 and 2 to a subscriber', async () => {
    await using rig = await startRig();
    const admin = await join(rig, 'admin');
    const seen = collect(admin);
    expect(await admin.subscribeAsync({ 'v1/+/telemetry': { qos: 2 }, 'x/#': { qos: 0 } })).toMatchObject([
      { topic: 'v1/+/telemetry', qos: 2 },
      { topic: 'x/#', qos: 0 },
    ]);
    const device = await join(rig, 'd1');
    for (const qos of [0, 1, 2] as const) await device.publishAsync('v1/d1/telemetry', `q${qos}`, { qos });
    await until(() => seen.length === 3);
    expect(seen).toEqual([
      'v1/d1/telemetry q0 0 false',
      'v1/d1/telemetry q1 1 false',
      'v1/d1/telemetry q2 2 false',
    ]);
    expect(rig.log.texts).toEqual(['q0', 'q1', 'q2']);
    await Promise.all([admin.endAsync(), device.endAsync()]);
  });

  it('publishes a thousand messages at once and has each acknowledged', async () => {
    await using rig = await startRig();
    const device = await join(rig, 'd1');
    const sent = Array.from({ length: 1_000 }, (_, i) => `${i}`);
    await Promise.all(
      sent.map((text, i) => device.publishAsync('v1/d1/telemetry', text, { qos: i % 2 === 0 ? 1 : 2 })),
    );
    expect(rig.log.texts).toEqual(sent);
    await device.endAsync();
  });

  it('sends again what was lost with a failed commit, after it has connected again', async () => {
    await using rig = await startRig({ log: new FakeLog(false) });
    const device = await join(rig, 'd1', { reconnectPeriod: 1 });
    const published = device.publishAsync('v1/d1/telemetry', 'precious', { qos: 1 });
    await until(() => rig.log.next === 1);
    rig.log.fail(0, 0);
    await until(() => rig.log.next === 2);
    rig.log.commit();
    await published;
    expect(rig.log.texts).toEqual(['precious', 'precious']);
    await device.endAsync();
  });

  it('sees retained messages and wills', async () => {
    await using rig = await startRig();
    const will = { topic: 'v1/d1/status', payload: Buffer.from('offline'), qos: 1, retain: true } as const;
    const device = await join(rig, 'd1', { will });
    await device.publishAsync('v1/d1/status', 'online', { qos: 1, retain: true });
    const admin = await join(rig, 'admin');
    const seen = collect(admin);
    await admin.subscribeAsync('v1/#', { qos: 1 });
    await until(() => seen.length === 1);
    device.stream.destroy();
    await until(() => seen.length === 2);
    expect(seen).toEqual(['v1/d1/status online 1 true', 'v1/d1/status offline 1 false']);
    await Promise.all([admin.endAsync(), device.endAsync(true)]);
  });

  it('is told no: a wrong password, a topic that is not its own', async () => {
    await using rig = await startRig();
    await expect(join(rig, 'd1', { password: 'wrong' })).rejects.toThrow(/Bad username or password/);
    const device = await join(rig, 'd1');
    await expect(device.subscribeAsync('v1/d2/#')).rejects.toThrow();
    await device.endAsync();
  });
});
