import { describe, expect, it } from 'vitest';
import { MemoryStateStore } from '../../../../test/support/memory-state.ts';
import { MQTT_RETAINED_MAX_BYTES } from '../../../base/limits.ts';
import { type Retained, RetainedMessages } from './retained.ts';

const message = (topic: string, payload: Buffer, qos: 0 | 1 | 2): Retained => ({
  topic,
  payload,
  qos,
  passed: undefined,
  expiresAt: undefined,
});
const texts = (retained: RetainedMessages, filter = '#'): readonly string[] =>
  [...retained.matching(filter)].map(
    ({ topic, payload, qos }) => `${topic}=${Buffer.from(payload).toString()}@${qos}`,
  );

describe('retained messages', () => {
  it('are there after a restart, with their QoS; forgotten ones are not', async () => {
    const state = new MemoryStateStore();
    const before = new RetainedMessages(state);
    await before.set(message('a/b', Buffer.from('1'), 2));
    await before.set(message('a/c', Buffer.from('2'), 0));
    await before.set(message('a/b', Buffer.from('3'), 1));
    await before.set(message('a/c', Buffer.alloc(0), 0));
    const after = new RetainedMessages(state);
    after.load();
    expect(texts(after)).toEqual(['a/b=3@1']);
    expect(after.size).toBe(1);
  });

  it('keep a copy of their own: the chunk they came in is used again', () => {
    const retained = new RetainedMessages(new MemoryStateStore());
    const chunk = Buffer.from('old');
    void retained.set(message('t', chunk, 0));
    chunk.write('new');
    expect(texts(retained)).toEqual(['t=old@0']);
  });

  it('are offered again to a store that failed, until it has them', async () => {
    const state = new MemoryStateStore();
    const retained = new RetainedMessages(state);
    await retained.set(message('gone', Buffer.from('x'), 1));
    state.writeFault = new Error('disk');
    await expect(retained.set(message('kept', Buffer.from('x'), 1))).rejects.toThrow('disk');
    await expect(retained.set(message('gone', Buffer.alloc(0), 1))).rejects.toThrow('disk');
    await retained.retry();
    expect(texts(retained)).toEqual(['kept=x@1']);
    state.writeFault = undefined;
    await retained.retry();
    const after = new RetainedMessages(state);
    after.load();
    expect(texts(after)).toEqual(['kept=x@1']);
    const writes = state.writes.length;
    await retained.retry();
    expect(state.writes).toHaveLength(writes);
  });

  it('wait for a store that stalls with one write a topic, however often it is replaced', async () => {
    const state = new MemoryStateStore();
    const retained = new RetainedMessages(state);
    const stored = Array.from({ length: 100 }, (_, i) =>
      retained.set(message('t', Buffer.from(String(i)), 1)),
    );
    await Promise.all([...stored, retained.set(message('u', Buffer.from('x'), 1))]);
    // The first, and one more for all that came while it was being written.
    expect(state.writes.toSorted()).toEqual(['retained/t', 'retained/t', 'retained/u']);
    const after = new RetainedMessages(state);
    after.load();
    expect(texts(after)).toEqual(['t=99@1', 'u=x@1']);
  });

  it('are forgotten when that is on disk, also for who asks twice', async () => {
    const state = new MemoryStateStore();
    const retained = new RetainedMessages(state);
    await retained.set(message('t', Buffer.from('1'), 1));
    const first = retained.set(message('t', Buffer.alloc(0), 1));
    await retained.set(message('t', Buffer.alloc(0), 1));
    expect(state.bytes('retained').get('t')).toBeUndefined();
    await first;
  });

  it('are not called stored by a write that began before they came', async () => {
    const state = new MemoryStateStore();
    const retained = new RetainedMessages(state);
    const first = retained.set(message('t', Buffer.from('1'), 1));
    const second = retained.set(message('t', Buffer.from('2'), 1));
    const third = retained.set(message('t', Buffer.alloc(0), 1));
    await first;
    state.writeFault = new Error('disk');
    await expect(second).rejects.toThrow('disk');
    await expect(third).rejects.toThrow('disk');
    state.writeFault = undefined;
    await retained.retry();
    expect(state.bytes('retained').get('t')).toBeUndefined();
  });

  it('end at a bound of bytes; replacing and forgetting makes room', async () => {
    const retained = new RetainedMessages(new MemoryStateStore());
    const half = Buffer.alloc(MQTT_RETAINED_MAX_BYTES / 2);
    await retained.set(message('a', half, 0));
    await retained.set(message('b', half, 0));
    expect(retained.set(message('c', Buffer.from('x'), 0))).toBeUndefined();
    expect(retained.size).toBe(2);
    await retained.set(message('a', Buffer.from('x'), 0));
    await retained.set(message('c', Buffer.from('x'), 0));
    expect(texts(retained, 'c')).toEqual(['c=x@0']);
  });

  it('may change while a subscriber is being sent them', () => {
    const retained = new RetainedMessages(new MemoryStateStore());
    for (let i = 0; i < 10; i += 1) void retained.set(message(`t/${i}`, Buffer.from('old'), 0));
    const reader = retained.matching('t/+');
    expect(reader.next().value?.topic).toBe('t/0');
    void retained.set(message('t/1', Buffer.alloc(0), 0));
    void retained.set(message('t/2', Buffer.from('new'), 0));
    const rest = [...reader].map(({ topic, payload }) => `${topic}=${Buffer.from(payload).toString()}`);
    expect(rest).toHaveLength(8);
    expect(rest[0]).toBe('t/2=new');
  });
});
