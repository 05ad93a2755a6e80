import { describe, expect, it } from 'vitest';
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
