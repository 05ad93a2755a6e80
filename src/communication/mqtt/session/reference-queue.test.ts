import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MQTT_QUEUE_MAX_BYTES, MQTT_QUEUE_MAX_MESSAGES } from '../../../base/limits.ts';
import { flagsOf, type Reference, ReferenceQueue } from './reference-queue.ts';

const push = (queue: ReferenceQueue, { offset, sizeBytes, qos, isShared, retain }: Reference): void => {
  queue.push(offset, sizeBytes, flagsOf(qos, isShared, retain));
};
const plain = (offset: number, sizeBytes = 10): Reference => ({
  offset,
  sizeBytes,
  qos: 1,
  isShared: false,
  retain: false,
});

/** What a state store does with the changes, all of a batch or nothing. */
class Disk {
  chunks = new Map<number, Uint8Array>();
  head = 0;
  tail = 0;

  store(queue: ReferenceQueue, fails: boolean): void {
    const { put, gone, undo } = queue.changes();
    if (fails) {
      undo();
      return;
    }
    for (const [chunk, bytes] of put) this.chunks.set(chunk, Uint8Array.from(bytes));
    for (const chunk of gone) this.chunks.delete(chunk);
    [this.head, this.tail] = [queue.head, queue.tail];
  }

  restored(): ReferenceQueue {
    return ReferenceQueue.restore(this.head, this.tail, (chunk) => this.chunks.get(chunk));
  }
}

const references = fc.record({
  offset: fc.nat(2 ** 40),
  sizeBytes: fc.integer({ min: 1, max: 1_050_000 }),
  qos: fc.constantFrom(1 as const, 2 as const),
  isShared: fc.boolean(),
  retain: fc.boolean(),
});
/** Many at a time, so that runs cross the borders of chunks. */
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('push'), one: references, count: fc.nat(150) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('shift'), count: fc.nat(150) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('filter'), rest: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('clear') }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('store'), fails: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart') }) },
  ),
  { maxLength: 40 },
);

interface Step {
  readonly do: string;
  readonly one?: Reference;
  readonly count?: number;
  readonly rest?: number;
  readonly fails?: boolean;
}

/** The queue beside an array, and what is stored of it beside another. */
class Pair {
  readonly disk = new Disk();
  queue = new ReferenceQueue();
  model: Reference[] = [];
  stored: readonly Reference[] = [];

  take(step: Step): void {
    const { count = 0, rest = 0, fails = false, one } = step;
    if (step.do === 'push' && one !== undefined) {
      for (let i = 0; i < count; i += 1) {
        const next = { ...one, offset: one.offset + i };
        push(this.queue, next);
        this.model.push(next);
      }
    } else if (step.do === 'shift') {
      for (let i = 0; i < count; i += 1) expect(this.queue.shift()).toEqual(this.model.shift());
    } else if (step.do === 'filter') {
      this.queue.filter(({ offset }) => offset % 5 !== rest);
      this.model = this.model.filter(({ offset }) => offset % 5 !== rest);
    } else if (step.do === 'clear') {
      this.queue.clear();
      this.model = [];
    } else if (step.do === 'store') {
      this.disk.store(this.queue, fails);
      if (!fails) this.stored = [...this.model];
    } else {
      this.queue = this.disk.restored();
      this.model = [...this.stored];
    }
  }

  check(): void {
    expect([...this.queue]).toEqual(this.model);
    expect(this.queue.length).toBe(this.model.length);
    expect(this.queue.bytes).toBe(this.model.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
    expect(this.queue.peek()).toEqual(this.model[0]);
    const oldest = Math.min(...this.model.map(({ offset }) => offset));
    // It may say less, never more: what is needed must not be trimmed.
    expect(this.queue.oldest).toBeLessThanOrEqual(oldest);
    const restored = this.disk.restored();
    expect([...restored]).toEqual(this.stored);
  }
}

describe('what waits for a session', () => {
  it('is first in, first out, and on disk what was stored last, through any sequence with failed stores in it', () => {
    let restarts = 0;
    fc.assert(
      fc.property(steps, (all) => {
        const pair = new Pair();
        for (const step of all) {
          pair.take(step);
          if (step.do === 'restart') restarts += 1;
        }
        pair.check();
      }),
      { seed: 7, numRuns: 300 },
    );
    expect(restarts).toBeGreaterThan(50);
  });

  it('is one chunk to write for one more message, however long it is', () => {
    const queue = new ReferenceQueue();
    for (let offset = 0; offset < 10_000; offset += 1) push(queue, plain(offset));
    queue.changes();
    push(queue, plain(10_000));
    const { put, gone } = queue.changes();
    expect([put.length, gone.length]).toEqual([1, 0]);
    expect(put[0]?.[1].length).toBeLessThanOrEqual(2_048);
    expect(queue.changes()).toMatchObject({ put: [], gone: [] });
  });

  it('leaves nothing on disk when all of it has been taken', () => {
    const disk = new Disk();
    const queue = new ReferenceQueue();
    for (let offset = 0; offset < 1_000; offset += 1) push(queue, plain(offset));
    disk.store(queue, false);
    expect(disk.chunks.size).toBeGreaterThan(1);
    while (queue.shift() !== undefined);
    disk.store(queue, true);
    disk.store(queue, false);
    expect(disk.chunks.size).toBe(0);
    expect([...disk.restored()]).toEqual([]);
  });

  it('does not make up messages where a chunk is missing', () => {
    const disk = new Disk();
    const queue = new ReferenceQueue();
    for (let offset = 1_000; offset < 1_300; offset += 1) push(queue, plain(offset));
    disk.store(queue, false);
    const [first] = disk.chunks.keys();
    disk.chunks.delete(first ?? -1);
    const left = [...disk.restored()].map(({ offset }) => offset);
    expect(left.length).toBeLessThan(300);
    expect(left).toEqual(Array.from({ length: left.length }, (_, i) => 1_300 - left.length + i));
  });

  it('knows its lowest offset and all below a limit, also where another session passed older ones on', () => {
    const queue = new ReferenceQueue();
    for (const offset of [50, 60, 10, 70, 20]) push(queue, plain(offset));
    expect(queue.oldest).toBe(10);
    expect([...queue.offsetsBefore(60)].toSorted((a, b) => a - b)).toEqual([10, 20, 50]);
    expect([...queue.offsetsBefore(10)]).toEqual([]);
  });

  it('makes room by its oldest: by count, by bytes, and one for one where all together are full', () => {
    const many = new ReferenceQueue();
    for (let offset = 0; offset < MQTT_QUEUE_MAX_MESSAGES; offset += 1) push(many, plain(offset, 1));
    expect(many.makeRoom(1, false)).toBe(1);
    expect(many.peek()?.offset).toBe(1);
    expect(many.makeRoom(1, false)).toBe(0);
    expect(many.makeRoom(1, true)).toBe(1);
    const large = new ReferenceQueue();
    for (let offset = 0; offset < 4; offset += 1) push(large, plain(offset, MQTT_QUEUE_MAX_BYTES / 4));
    expect(large.makeRoom(MQTT_QUEUE_MAX_BYTES / 2, false)).toBe(2);
    expect(large.peek()?.offset).toBe(2);
    expect(new ReferenceQueue().makeRoom(1, true)).toBe(0);
  });
});
