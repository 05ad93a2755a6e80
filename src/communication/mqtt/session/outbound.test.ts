import { describe, expect, it } from 'vitest';
import { MQTT_QUEUE_MAX_AGE_MS } from '../../../base/limits.ts';
import type { Retained } from '../broker/retained.ts';
import { REASON } from '../codec/reason.ts';
import { Host } from './test-outbound.ts';
import { TestReceiver } from './test-receiver.ts';

const plain = (payload: string): Retained => ({
  topic: 'r',
  payload: Buffer.from(payload),
  qos: 2,
  passed: undefined,
  expiresAt: undefined,
});
const ALL = { qos: 2, retainAsPublished: false, ids: undefined } as const;

describe('messages to a client that is here', () => {
  it('leave at once with QoS 0 and 1, each with its own id; QoS 0 has none', () => {
    const host = new Host();
    const client = host.connect();
    for (const [text, qos] of [
      ['a', 0],
      ['b', 1],
      ['c', 1],
    ] as const)
      host.publish(text, qos);
    expect(client.sent).toEqual(['a@0#0', 'b@1#1', 'c@1#2']);
    expect(host.delivers).toEqual([1, 2, 0]);
    expect(host.outbound.inFlight).toBe(2);
  });

  it('leave with QoS 2 when the log has them AND their id is on disk', () => {
    const host = new Host();
    const client = host.connect();
    host.publish('a', 2);
    host.store();
    expect(client.sent).toEqual([]);
    host.commit();
    expect(client.sent).toEqual([]);
    host.store();
    expect(client.sent).toEqual(['a@2#1']);
  });

  it('need no disk for their id where the session is not kept, but the commit', () => {
    const host = new Host(false);
    const client = host.connect();
    host.publish('a', 2);
    expect(client.sent).toEqual([]);
    host.commit();
    expect(client.sent).toEqual(['a@2#1']);
  });

  it('do not pass those that wait: the order is that of the log', () => {
    const host = new Host(false);
    const client = host.connect();
    host.publish('a', 2);
    host.publish('b', 1);
    host.publish('c', 1);
    host.commit();
    expect(client.sent).toEqual(['a@2#1', 'b@1#2', 'c@1#3']);
  });

  it('wait when the window is full, and come one by one as it opens', () => {
    const host = new Host();
    const client = host.connect(2);
    for (const text of ['a', 'b', 'c', 'd']) host.publish(text, 1);
    host.settle();
    expect(client.take()).toEqual(['a@1#1', 'b@1#2']);
    expect(host.outbound.waiting).toBe(2);
    host.outbound.acknowledged(2);
    expect(client.take()).toEqual(['c@1#3']);
    host.outbound.acknowledged(2);
    host.outbound.acknowledged(99);
    expect(client.take()).toEqual([]);
    host.outbound.acknowledged(1);
    expect(client.take()).toEqual(['d@1#4']);
    expect([host.outbound.waiting, host.outbound.waitingBytes]).toEqual([0, 0]);
  });

  it('wait while it has no room, QoS 0 apart, which is dropped and counted', () => {
    const host = new Host();
    const client = host.connect();
    client.hasRoom = false;
    host.publish('a', 0);
    host.publish('b', 1);
    host.settle();
    expect([client.sent, host.drops]).toEqual([[], ['slow_subscriber']]);
    client.hasRoom = true;
    host.outbound.pump();
    expect(client.sent).toEqual(['b@1#1']);
  });

  it('that are too large for it are as if delivered [MQTT-3.1.2-25], and hold nobody up', () => {
    for (const qos of [1, 2] as const) {
      const host = new Host();
      const client = host.connect(1);
      client.maximum = 3;
      host.publish('large', qos);
      host.publish('ok', qos);
      host.settle();
      expect(host.drops).toEqual(['too_large']);
      expect(client.sent.map((text) => text.slice(0, 4))).toEqual([`ok@${qos}`]);
      expect(host.outbound.inFlight).toBe(1);
    }
  });

  it('carry RETAIN and the identifiers of what matches', () => {
    const host = new Host();
    host.ids = [3, 7];
    const client = host.connect(1);
    host.publish('a', 1, { retain: true });
    host.publish('b', 1, { retain: true });
    host.settle();
    host.outbound.acknowledged(1);
    expect(client.sent).toEqual(['a@1#1r 3,7', 'b@1#2r 3,7']);
  });
});

describe('QoS 2, step by step', () => {
  it('releases when it is on disk that the message has arrived, and ends with PUBCOMP', () => {
    const host = new Host();
    const client = host.connect();
    host.publish('a', 2);
    host.settle();
    host.outbound.received(1, REASON.success);
    expect(client.released).toEqual([]);
    host.store();
    expect(client.released).toEqual(['1']);
    expect(host.outbound.oldest).toBe(Number.POSITIVE_INFINITY);
    host.outbound.completed(1);
    expect(host.outbound.inFlight).toBe(0);
  });

  it('is not ended by an acknowledgement of another kind', () => {
    const host = new Host();
    host.connect();
    host.publish('a', 2);
    host.settle();
    host.outbound.acknowledged(1);
    host.outbound.completed(1);
    expect(host.outbound.inFlight).toBe(1);
  });

  it('ends where PUBREC says no [4.13.2]; an id nobody knows is answered so', () => {
    const host = new Host();
    const client = host.connect(1);
    host.publish('a', 2);
    host.publish('b', 2);
    host.settle();
    host.outbound.received(1, REASON.quotaExceeded);
    host.settle();
    expect(client.sent).toEqual(['a@2#1', 'b@2#2']);
    host.outbound.received(1, REASON.success);
    expect(client.released).toEqual(['1?']);
  });
});

describe('messages to a client that comes back', () => {
  it('were kept, but QoS 0; those on their way come first, again, with DUP and their ids [MQTT-4.4.0-1]', () => {
    const host = new Host();
    host.connect(2);
    for (const text of ['a', 'b', 'c']) host.publish(text, 1);
    host.commit();
    host.outbound.detach();
    host.publish('lost', 0);
    host.publish('d', 1);
    host.commit();
    const client = host.connect();
    expect(client.sent).toEqual(['a@1#1!', 'b@1#2!', 'c@1#3', 'd@1#4']);
    expect(host.drops).toEqual(['offline']);
  });

  it('are released again where PUBREC had come, when that is on disk', () => {
    const host = new Host();
    host.connect();
    host.publish('a', 2);
    host.publish('b', 2);
    host.settle();
    host.outbound.received(1, REASON.success);
    host.outbound.detach();
    const client = host.connect();
    expect(client.released).toEqual([]);
    host.settle();
    expect([client.released, client.sent]).toEqual([['1'], ['b@2#2!']]);
    host.outbound.completed(1);
    expect(host.outbound.inFlight).toBe(1);
  });

  it('whose id was not on disk yet leave once, after that, before what came later', () => {
    const host = new Host();
    const first = host.connect();
    host.publish('a', 2);
    host.commit();
    host.outbound.detach();
    const second = host.connect();
    host.publish('b', 1);
    host.commit();
    expect(second.sent).toEqual([]);
    host.settle();
    expect(first.sent).toEqual([]);
    expect(second.sent.map((text) => text.replace('!', ''))).toEqual(['a@2#1', 'b@1#2']);
    host.settle();
    expect(second.sent).toHaveLength(2);
  });

  it('do not pass those to be sent again that wait for room', () => {
    const host = new Host();
    host.connect();
    host.publish('a', 1);
    host.commit();
    host.outbound.detach();
    const client = new TestReceiver();
    client.hasRoom = false;
    host.outbound.attach(client);
    client.hasRoom = true;
    host.publish('b', 1);
    host.commit();
    host.outbound.pump();
    expect(client.sent).toEqual(['a@1#1!', 'b@1#2']);
  });

  it('keep within the window, also those sent again', () => {
    const host = new Host();
    host.connect();
    for (const text of ['a', 'b', 'c']) host.publish(text, 1);
    host.commit();
    host.outbound.detach();
    const client = host.connect(2);
    expect(client.take()).toEqual(['a@1#1!', 'b@1#2!']);
    host.outbound.acknowledged(1);
    expect(client.take()).toEqual(['c@1#3!']);
  });

  it('wait for the commit where they were sent before it', () => {
    const host = new Host();
    host.connect();
    host.publish('a', 1);
    host.outbound.detach();
    const client = host.connect();
    expect([client.sent, host.drops]).toEqual([[], []]);
    host.commit();
    expect(client.sent).toEqual(['a@1#1!']);
  });

  it('have expired, are too old, no longer kept, or no longer allowed: counted, and the rest goes on', () => {
    const host = new Host();
    host.publish('expired', 1, { expiresAt: host.time + 5_000 });
    host.publish('trimmed', 1);
    host.publish('denied', 1, { topic: 'secret' });
    host.publish('ok', 1, { expiresAt: host.time + 5_001 });
    host.commit();
    host.gone.add(1);
    host.forbidden.add('secret');
    host.time += 5_000;
    expect(host.connect().sent).toEqual(['ok@1#1']);
    expect(host.drops).toEqual(['expired', 'no_longer_kept', 'no_longer_allowed']);
    host.outbound.detach();
    host.publish('old', 1);
    host.commit();
    host.time += MQTT_QUEUE_MAX_AGE_MS + 1;
    // What was sent once does not expire any more [MQTT-4.3.2-3].
    expect(host.connect().sent).toEqual(['ok@1#1!']);
    expect(host.drops.slice(3)).toEqual(['expired']);
  });

  it('gave way to newer ones where all queues together are full, one for one', () => {
    const host = new Host();
    for (const text of ['a', 'b']) host.publish(text, 1);
    host.isFull = true;
    host.publish('c', 1);
    host.commit();
    expect(host.connect().sent).toEqual(['b@1#1', 'c@1#2']);
    expect(host.drops).toEqual(['queue_full']);
  });

  it('that the log lost were never there', () => {
    const host = new Host();
    host.publish('a', 1);
    host.publish('b', 1);
    host.publish('c', 1);
    host.outbound.forget(1, 1);
    host.commit();
    expect(host.connect().sent).toEqual(['a@1#1', 'c@1#2']);
  });
});

describe('retained messages for a new subscription', () => {
  it('say so, count in the window, and are refused when it is full', () => {
    const host = new Host();
    const client = host.connect(1);
    expect(host.outbound.replay(plain('a'), { ...ALL, qos: 1 })).toBe(true);
    expect(host.outbound.replay(plain('b'), { ...ALL, qos: 1 })).toBe(false);
    expect(client.sent).toEqual(['a@1#1r']);
    host.outbound.acknowledged(1);
    expect(host.outbound.replay(plain('b'), { ...ALL, qos: 1 })).toBe(true);
    expect(host.outbound.oldest).toBe(Number.POSITIVE_INFINITY);
  });

  it('with QoS 2 leave when their id is on disk, and come again with the next connection', () => {
    const host = new Host();
    const client = host.connect();
    host.outbound.replay(plain('a'), ALL);
    expect(client.sent).toEqual([]);
    host.store();
    expect(client.sent).toEqual(['a@2#1r']);
    host.outbound.detach();
    expect(host.connect().sent).toEqual(['a@2#1!r']);
  });

  it('find nobody where there is no connection', () => {
    expect(new Host().outbound.replay(plain('a'), ALL)).toBe(false);
  });
});

describe('shared messages of a member that goes', () => {
  it('are offered to others: those that wait, and where it is for good those on their way that cannot have arrived', () => {
    const host = new Host();
    host.connect(2);
    const offsets = ['a', 'b', 'c'].map((text) => host.publish(text, 1, { isShared: true }));
    const own = host.publish('own', 1);
    host.commit();
    host.outbound.detach();
    const offered: number[] = [];
    const take = (offset: number): boolean => offered.push(offset) > 0;
    host.outbound.shareOut(false, take);
    expect(offered).toEqual([offsets[2]]);
    expect([...(host.outbound.queue ?? [])].map(({ offset }) => offset)).toEqual([own]);
    host.outbound.shareOut(true, take);
    expect(offered.slice(1)).toEqual(offsets.slice(0, 2));
  });

  it('stay where nobody takes them', () => {
    const host = new Host();
    host.publish('a', 1, { isShared: true });
    host.commit();
    host.outbound.shareOut(false, () => false);
    expect(host.outbound.waiting).toBe(1);
    expect(host.drops).toEqual([]);
  });

  it('with QoS 2 that may have arrived are nobody else’s [MQTT-4.8.2-5]; those not sent yet are', () => {
    const host = new Host();
    host.connect();
    host.publish('sent', 2, { isShared: true });
    host.settle();
    const unsent = host.publish('unsent', 2, { isShared: true });
    host.commit();
    host.outbound.detach();
    const offered: number[] = [];
    host.outbound.shareOut(true, (offset) => offered.push(offset) > 0);
    expect(offered).toEqual([unsent]);
  });
});
