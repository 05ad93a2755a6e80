import { describe, expect, it, vi } from 'vitest';
import { SysTopics } from './sys-topics.ts';
import { publishPacket, readPublish, subscribePacket } from './test-client.ts';
import { startRig } from './test-support.ts';

describe('what the server says about itself', () => {
  it('is there as retained messages for who subscribes to $SYS, with the values of the moment', async () => {
    await using rig = await startRig();
    const admin = await rig.client('admin');
    await rig.client('d1');
    admin.send(subscribePacket(1, { '$SYS/broker/clients/+': 0, '$SYS/broker/version': 1 }));
    expect((await admin.next()).header).toBe(0x90);
    const told = await Promise.all([1, 2, 3, 4].map(async () => readPublish(await admin.next())));
    expect(told.map(({ topic, payload, retain }) => `${topic} ${payload} ${retain}`)).toEqual([
      '$SYS/broker/clients/connected 2 true',
      '$SYS/broker/clients/disconnected 0 true',
      '$SYS/broker/clients/total 2 true',
      '$SYS/broker/version sensorium 1.2.3 true',
    ]);
    expect(rig.log.next).toBe(0);
  });

  it('is told again from time to time, to who subscribed and only then, and never logged', async () => {
    await using rig = await startRig();
    const { broker, registry } = rig.server;
    const connected = vi.fn(() => 3);
    const times = { now: () => 61_500, startedAt: 1_000 };
    const source = { version: '1', ...times, broker, registry, connected, logBytes: () => 0 };
    const sys = new SysTopics(source);
    sys.tell();
    expect(connected).not.toHaveBeenCalled();
    const admin = await rig.client('admin');
    admin.send(subscribePacket(1, { '$SYS/broker/uptime': 0, '$SYS/broker/clients/connected': 0 }));
    await admin.settled();
    sys.tell();
    const told = (await admin.settled()).slice(-2).map((packet) => readPublish(packet));
    expect(told.map(({ topic, payload, retain }) => `${topic} ${payload} ${retain}`)).toEqual([
      '$SYS/broker/uptime 60 seconds false',
      '$SYS/broker/clients/connected 3 false',
    ]);
    expect(rig.log.next).toBe(0);
  });

  it('is not part of what # matches, and nobody else may say it', async () => {
    await using rig = await startRig();
    const admin = await rig.client('admin');
    admin.send(subscribePacket(1, { '#': 0, '$SYS/#': 0 }), publishPacket('x', 'y'));
    const packets = await admin.settled();
    const topics = packets
      .filter(({ header }) => header >> 4 === 3)
      .map((packet) => readPublish(packet).topic);
    expect(topics.filter((topic) => !topic.startsWith('$SYS/'))).toEqual(['x']);
    expect(topics.length).toBeGreaterThan(10);
  });
});
