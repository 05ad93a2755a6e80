import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from '../../base/invariant.ts';
import { silentMeter } from '../../model/ports/meter.ts';
import type { Errand, ErrandAnswer } from './adopting.child.ts';
import { AttachedPool } from './attached-pool.ts';
import type { PoolLayout } from './layout.ts';
import type { Lease, Ticket } from './lease.ts';
import { MemoryPool } from './memory-pool.ts';

/** Four slabs of 4 KiB: small enough to be exhausted by a handful of leases. */
const layout: PoolLayout = { headBytes: 1_024, slabs: 4, slabBytes: 4_096, blockMinBytes: 256 };

function acquired(pool: MemoryPool, length: number): Lease {
  const lease = pool.acquire(length);
  if (!lease.ok) throw lease.error;
  return lease.value;
}

describe('a lease', () => {
  it('is zeros of the length asked for, and zeros again for the next owner', () => {
    const pool = new MemoryPool({ layout });
    const lease = acquired(pool, 300);
    const bytes = lease.borrow();
    expect(bytes).toHaveLength(300);
    expect(bytes.every((byte) => byte === 0)).toBe(true);
    bytes.fill(7);
    const { byteOffset } = bytes;
    lease.release();
    const next = acquired(pool, 512).borrow();
    expect(next.byteOffset).toBe(byteOffset);
    expect(next.every((byte) => byte === 0)).toBe(true);
  });

  it('raises on use after release, double release, and anything after a transfer', () => {
    const pool = new MemoryPool({ layout });
    const released = acquired(pool, 10);
    released.release();
    expect(() => released.borrow()).toThrow(/borrow after a lease was released/);
    expect(() => released.borrowFloats()).toThrow(InvariantError);
    expect(() => released.release()).toThrow(/release after a lease was released/);
    expect(() => released.transfer()).toThrow(InvariantError);

    const transferred = acquired(pool, 10);
    transferred.transfer();
    expect(() => transferred.borrow()).toThrow(/borrow after a lease was transferred/);
    expect(() => transferred.release()).toThrow(InvariantError);
    expect(() => transferred.transfer()).toThrow(InvariantError);
  });

  it('releases itself at the end of its block, unless it was transferred', () => {
    const pool = new MemoryPool({ layout });
    let ticket: Ticket;
    {
      using kept = acquired(pool, 10);
      using given = acquired(pool, 10);
      kept.borrow();
      ticket = given.transfer();
    }
    expect(pool.leaks()).toHaveLength(1);
    expect(pool.leaks()[0]).toMatchObject({ state: 'in transit', length: 10, offset: ticket.offset });
    pool.adopt(ticket).release();
    expect(pool.leaks()).toEqual([]);
  });

  it('lends columns of numbers inside its bytes only', () => {
    const lease = acquired(new MemoryPool({ layout }), 100);
    expect(lease.borrowFloats()).toHaveLength(12);
    const column = lease.borrowFloats(16, 10);
    column[9] = 1.5;
    expect(new DataView(lease.borrow().buffer, lease.borrow().byteOffset).getFloat64(88, true)).toBe(1.5);
    expect(() => lease.borrowFloats(16, 11)).toThrow(/outside its lease/);
    expect(() => lease.borrowFloats(-8, 1)).toThrow(/outside its lease/);
  });
});

describe('a ticket', () => {
  it('is good once, for the lease it was made for', () => {
    const pool = new MemoryPool({ layout });
    const ticket = acquired(pool, 10).transfer();
    expect(() => pool.adopt({ ...ticket, length: 11 })).toThrow(/another length/);
    pool.adopt(ticket).release();
    const other = acquired(pool, 20).transfer();
    const adopted = pool.adopt(other);
    expect(() => pool.adopt(other)).toThrow(/is owned/);
    adopted.release();
    expect(() => pool.adopt(other)).toThrow(/is free/);
    const again = acquired(pool, 20).transfer();
    expect(again).toMatchObject({ slab: other.slab, offset: other.offset });
    expect(() => pool.adopt(other)).toThrow(InvariantError);
    pool.adopt(again).release();
  });

  it.each([
    ['no slab', { slab: 4, offset: 0 }],
    ['no block', { slab: 0, offset: 100 }],
    ['outside', { slab: 0, offset: 4_096 }],
    ['negative', { slab: -1, offset: 0 }],
  ])('that was made up is refused: %s', (_name, place) => {
    const pool = new MemoryPool({ layout });
    const ticket = acquired(pool, 10).transfer();
    expect(() => pool.adopt({ ...ticket, ...place })).toThrow(InvariantError);
  });
});

describe('the pool', () => {
  it('answers with memory.exhausted when it is, and goes on when leases end', () => {
    const pool = new MemoryPool({ layout });
    const leases = Array.from({ length: 4 }, () => acquired(pool, 4_096));
    const refused = pool.acquire(1);
    expect(refused).toMatchObject({ ok: false, error: { code: 'memory.exhausted' } });
    expect(pool.stats()).toMatchObject({ leasedBytes: 16_384, capacityBytes: 16_384, refused: 1 });
    leases[2]?.release();
    expect(pool.acquire(1).ok).toBe(true);
  });

  it('lets an empty slab serve another size', () => {
    const pool = new MemoryPool({ layout });
    const small = Array.from({ length: 64 }, () => acquired(pool, 256));
    expect(pool.acquire(4_096).ok).toBe(false);
    for (const lease of small) if (lease.borrow().byteOffset < 1_024 + 4_096) lease.release();
    const large = acquired(pool, 4_096);
    expect(large.borrow().byteOffset).toBe(1_024);
    expect(pool.acquire(1).ok).toBe(false);
  });

  it.each([0, -1, 4_097, 1.5, Number.NaN])('holds a lease of %d bytes for a bug', (length) => {
    expect(() => new MemoryPool({ layout }).acquire(length)).toThrow(InvariantError);
  });

  it('shows in the metrics what is out, also what ended elsewhere', () => {
    const pool = new MemoryPool({ layout });
    const there = new AttachedPool({ share: pool.share() });
    const readers = new Map<string, () => number>();
    const end = pool.meter({
      ...silentMeter,
      collect: (name, read, labels = {}) => {
        const key = [name, ...Object.values(labels)].join(' ');
        readers.set(key, read);
        return () => readers.delete(key);
      },
    });
    const read = (key: string): number | undefined => readers.get(key)?.();
    const leases = [acquired(pool, 300), acquired(pool, 4_096)];
    expect(read('iot_memory_pool_bytes leased')).toBe(512 + 4_096);
    expect(read('iot_memory_pool_leases 512')).toBe(1);
    const [first] = leases;
    if (first !== undefined) there.adopt(first.transfer()).release();
    expect(read('iot_memory_pool_bytes leased')).toBe(4_096);
    expect(read('iot_memory_pool_leases 512')).toBe(0);
    expect(read('iot_memory_pool_bytes high_water')).toBe(512 + 4_096);
    expect(read('iot_memory_pool_bytes capacity')).toBe(16_384);
    expect(read('iot_memory_pool_refused_total')).toBe(0);
    end();
    expect(readers.size).toBe(0);
  });

  it('says in development where a leak was born', () => {
    const pool = new MemoryPool({ layout, trace: true });
    const forgetful = (): Lease => acquired(pool, 100);
    forgetful();
    acquired(pool, 100).release();
    expect(pool.leaks()).toHaveLength(1);
    expect(pool.leaks()[0]?.born).toContain('forgetful');
    expect(pool.leaks()[0]?.born?.split('\n')[0]).not.toContain('memory-pool.ts');
  });

  it('finds in development that a block was written after its release', () => {
    const pool = new MemoryPool({ layout, trace: true });
    const lease = acquired(pool, 100);
    const view = lease.borrow();
    lease.release();
    view[3] = 1;
    expect(() => pool.acquire(100)).toThrow(/byte 3 .* written after its release.*made at/s);
  });
});

describe('whatever is done with leases', () => {
  type Step =
    | { readonly do: 'acquire'; readonly length: number }
    | { readonly do: 'release' | 'give' | 'adopt here' | 'adopt there'; readonly which: number };
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.record({ do: fc.constant('acquire' as const), length: fc.integer({ min: 1, max: 4_096 }) }),
    fc.record({
      do: fc.constantFrom('release' as const, 'give' as const, 'adopt here' as const, 'adopt there' as const),
      which: fc.nat(100),
    }),
  );

  it('no two owners share a byte, nothing is lost, and the figures add up', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pool = new MemoryPool({ layout, trace: true });
        const there = new AttachedPool({ share: pool.share() });
        const held: { readonly lease: Lease; readonly mark: number }[] = [];
        const tickets: { readonly ticket: Ticket; readonly mark: number }[] = [];
        let mark = 0;
        let refused = 0;
        for (const todo of steps) {
          if (todo.do === 'acquire') {
            const lease = pool.acquire(todo.length);
            if (lease.ok) {
              expect(lease.value.borrow().every((byte) => byte === 0)).toBe(true);
              mark = (mark % 255) + 1;
              lease.value.borrow().fill(mark);
              held.push({ lease: lease.value, mark });
            } else {
              refused += 1;
            }
          } else if (todo.do === 'release' || todo.do === 'give') {
            const [one] = held.splice(todo.which % Math.max(held.length, 1), 1);
            if (one === undefined) continue;
            if (todo.do === 'release') one.lease.release();
            else tickets.push({ ticket: one.lease.transfer(), mark: one.mark });
          } else {
            const [one] = tickets.splice(todo.which % Math.max(tickets.length, 1), 1);
            if (one === undefined) continue;
            const lease = (todo.do === 'adopt here' ? pool : there).adopt(one.ticket);
            expect(() => there.adopt(one.ticket)).toThrow(InvariantError);
            held.push({ lease, mark: one.mark });
          }
          for (const { lease, mark: own } of held) {
            expect(lease.borrow().every((byte) => byte === own)).toBe(true);
          }
          expect(pool.leaks()).toHaveLength(held.length + tickets.length);
        }
        const { classes, leasedBytes, highWaterBytes, capacityBytes, refused: said } = pool.stats();
        expect(classes.reduce((sum, { leased }) => sum + leased, 0)).toBe(held.length + tickets.length);
        expect(classes.reduce((sum, { leased, blockBytes }) => sum + leased * blockBytes, 0)).toBe(
          leasedBytes,
        );
        expect(highWaterBytes).toBeGreaterThanOrEqual(leasedBytes);
        expect(highWaterBytes).toBeLessThanOrEqual(capacityBytes);
        expect(said).toBe(refused);
        for (const { lease } of held) lease.release();
        for (const { ticket } of tickets) there.adopt(ticket).release();
        expect(pool.stats().leasedBytes).toBe(0);
        // Whole again: every byte can be leased at once.
        expect(Array.from({ length: 4 }, () => pool.acquire(4_096).ok)).toEqual([true, true, true, true]);
      }),
    );
  });
});

describe('on another thread', () => {
  async function withWorker(pool: MemoryPool, run: (ask: Ask) => Promise<void>): Promise<void> {
    const worker = new Worker(new URL('./adopting.child.ts', import.meta.url), { workerData: pool.share() });
    try {
      await run(async (errands) => {
        // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
        worker.postMessage(errands);
        const [answers] = (await once(worker, 'message')) as [readonly ErrandAnswer[]];
        return answers;
      });
    } finally {
      await worker.terminate();
    }
  }
  type Ask = (errands: readonly Errand[]) => Promise<readonly ErrandAnswer[]>;

  it('a transferred lease is read, changed and sent back without a copy', async () => {
    const pool = new MemoryPool({ layout });
    await withWorker(pool, async (ask) => {
      const lease = acquired(pool, 1_000);
      lease.borrow().fill(3);
      const { byteOffset } = lease.borrow();
      const [answer] = await ask([{ ticket: lease.transfer(), back: true }]);
      expect(answer).toMatchObject({ sum: 3_000, error: undefined });
      expect(answer?.ticket).toBeDefined();
      if (answer?.ticket === undefined) return;
      const back = pool.adopt(answer.ticket);
      expect(back.borrow().byteOffset).toBe(byteOffset);
      expect(back.borrow().every((byte) => byte === 4)).toBe(true);
      back.release();
      expect(pool.leaks()).toEqual([]);
    });
  });

  it('leases end there while this one acquires: all come back, none twice', async () => {
    const pool = new MemoryPool({ layout });
    await withWorker(pool, async (ask) => {
      let sent = 0;
      let answered = 0;
      for (let round = 0; round < 50; round += 1) {
        const errands: Errand[] = [];
        for (;;) {
          const lease = pool.acquire(200 + ((sent * 37) % 800));
          if (!lease.ok) break;
          lease.value.borrow().fill(1);
          errands.push({ ticket: lease.value.transfer(), back: false });
          sent += 1;
        }
        const asked = ask(errands);
        // Meanwhile the pool's thread looks for what has come back.
        pool.stats();
        const answers = await asked;
        expect(answers.every(({ sum }, at) => sum === errands[at]?.ticket.length)).toBe(true);
        answered += answers.length;
      }
      expect(answered).toBe(sent);
      expect(sent).toBeGreaterThan(50);
      expect(pool.leaks()).toEqual([]);
      expect(pool.stats().leasedBytes).toBe(0);
    });
  });

  it('of two threads that adopt the same tickets each ticket has one owner', async () => {
    const pool = new MemoryPool({ layout: { ...layout, slabs: 64 } });
    await withWorker(pool, (one) =>
      withWorker(pool, async (other) => {
        for (let round = 0; round < 5; round += 1) {
          const errands = Array.from({ length: 500 }, () => ({
            ticket: acquired(pool, 256).transfer(),
            back: false,
          }));
          const [mine, yours] = await Promise.all([one(errands), other(errands)]);
          const owners = errands.map(
            (_, at) => [mine[at], yours[at]].filter((answer) => answer?.error === undefined).length,
          );
          expect(owners).toEqual(new Array(500).fill(1));
          expect(pool.leaks()).toEqual([]);
        }
      }),
    );
  });

  it('a second owner is found out', async () => {
    const pool = new MemoryPool({ layout });
    await withWorker(pool, async (ask) => {
      const ticket = acquired(pool, 64).transfer();
      const [first, second] = await ask([
        { ticket, back: true },
        { ticket, back: false },
      ]);
      expect(first?.error).toBeUndefined();
      expect(second?.error).toContain('BUG: a claim on a block');
      expect(() => pool.adopt(ticket)).toThrow(InvariantError);
    });
  });
});
