/**
 * The memory pool: leases on blocks of shared memory, one owner each, bounded. Blocks come in powers of two; a slab
 * serves one size at a time and may change it when it is empty, so that yesterday's sizes do not starve today's.
 * Leases are made on this thread and may end on any. Knows nothing of what is kept in a block.
 */
import { InvariantError, invariant } from '../../base/invariant.ts';
import { POOL_BLOCK_MIN_BYTES, POOL_HEAD_BYTES, POOL_MAX_BYTES, POOL_SLAB_BYTES } from '../../base/limits.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { Meter } from '../../model/ports/meter.ts';
import {
  addressOf,
  type BlockPlace,
  blockBytesOf,
  checkLayout,
  classCount,
  classFor,
  memoryBytes,
  type PoolLayout,
  placeOf,
  unitAt,
  unitCount,
} from './layout.ts';
import { adoptLease, Lease, type LeaseHome, type Ticket } from './lease.ts';
import { type BlockState, Ownership, type Stamp } from './ownership.ts';
import { createSharedMemory, type SharedMemory } from './shared-memory.ts';
import { SizeClass } from './size-class.ts';
import { Slab } from './slab.ts';

export const DEFAULT_LAYOUT: PoolLayout = {
  headBytes: POOL_HEAD_BYTES,
  slabs: POOL_MAX_BYTES / POOL_SLAB_BYTES,
  slabBytes: POOL_SLAB_BYTES,
  blockMinBytes: POOL_BLOCK_MIN_BYTES,
};

export interface MemoryPoolOptions {
  readonly layout?: PoolLayout;
  /** Zeros of `createSharedMemory(memoryBytes(layout))`, where kernels are bound to it already. */
  readonly memory?: SharedMemory;
  /** Zeroes bytes; `Uint8Array.fill` takes thirty times as long on shared memory as the kernels' own. */
  readonly wipe?: (bytes: Uint8Array) => void;
  /** Development: remembers where each lease was made, and looks for writes after release. */
  readonly trace?: boolean;
}

/** What another thread needs to attach; plain to post. */
export interface PoolShare {
  readonly memory: SharedMemory;
  readonly control: SharedArrayBuffer;
  readonly layout: PoolLayout;
}

export interface PoolStats {
  readonly capacityBytes: number;
  /** In blocks, so with what rounding up costs. Includes leases on their way and on other threads. */
  readonly leasedBytes: number;
  readonly highWaterBytes: number;
  /** Times that `acquire` found no room. */
  readonly refused: number;
  readonly classes: readonly {
    readonly blockBytes: number;
    readonly leased: number;
    /** Free blocks of slabs that have this size now; unused slabs may join any size. */
    readonly free: number;
    readonly highWater: number;
  }[];
}

export interface Leak extends BlockPlace {
  readonly length: number;
  readonly state: BlockState;
  /** Stack of the call that made the lease, with `trace`. */
  readonly born: string | undefined;
}

export class MemoryPool implements LeaseHome {
  readonly memory: SharedMemory;
  readonly layout: PoolLayout;
  readonly ownership: Ownership;
  readonly #control: SharedArrayBuffer;
  readonly #wipe: (bytes: Uint8Array) => void;
  readonly #births: Map<number, string> | undefined;
  readonly #slabs: readonly Slab[];
  /** Slabs of no class yet. */
  readonly #unused: Slab[];
  readonly #classes: readonly SizeClass[];
  readonly #classOfSlab: (SizeClass | undefined)[];
  #leasedBytes = 0;
  #highWaterBytes = 0;
  #refused = 0;
  #exhausted: SensoriumError | undefined;

  constructor(options: MemoryPoolOptions = {}) {
    const layout = options.layout ?? DEFAULT_LAYOUT;
    checkLayout(layout);
    this.layout = layout;
    this.memory = options.memory ?? createSharedMemory(memoryBytes(layout));
    invariant(this.memory.buffer.byteLength >= memoryBytes(layout), 'the memory is smaller than its layout');
    this.#control = Ownership.allocate(unitCount(layout));
    this.ownership = new Ownership(this.#control);
    this.#wipe = options.wipe ?? ((bytes) => bytes.fill(0));
    this.#births = options.trace === true ? new Map() : undefined;
    this.#slabs = Array.from({ length: layout.slabs }, (_, number) => new Slab(number, layout.slabBytes));
    // The lowest slab is taken first.
    this.#unused = this.#slabs.toReversed();
    this.#classes = Array.from(
      { length: classCount(layout) },
      (_, sizeClass) => new SizeClass(blockBytesOf(layout, sizeClass)),
    );
    this.#classOfSlab = new Array<SizeClass | undefined>(layout.slabs);
  }

  /**
   * A lease on `length` zero bytes (1 to `slabBytes`, an invariant). `memory.exhausted` where no block is free: to be
   * met by waiting or shedding, as any full queue.
   */
  acquire(length: number): Result<Lease, SensoriumError> {
    invariant(
      Number.isInteger(length) && length > 0 && length <= this.layout.slabBytes,
      'a lease is of one byte or more, and of one slab at most',
    );
    const sizeClass = this.#classes[classFor(this.layout, length)];
    invariant(sizeClass !== undefined, 'every size has a class');
    if (!this.#makeRoom(sizeClass)) {
      this.#refused += 1;
      // One for all: a refusal under load must not cost a stack trace.
      this.#exhausted ??= problem('memory.exhausted', 'The memory pool has no free block of this size.');
      return err(this.#exhausted);
    }
    const place = sizeClass.take();
    this.#leasedBytes += sizeClass.blockBytes;
    this.#highWaterBytes = Math.max(this.#highWaterBytes, this.#leasedBytes);
    const unit = unitAt(this.layout, place);
    const lease = new Lease(this, place, length, this.ownership.claim(unit, length));
    if (this.#births !== undefined) this.#trace(this.#births, unit, sizeClass.blockBytes);
    return ok(lease);
  }

  /** Takes over a lease that this or another thread transferred. */
  adopt(ticket: Ticket): Lease {
    return adoptLease(this, ticket);
  }

  /** For `AttachedPool` on other threads. */
  share(): PoolShare {
    return { memory: this.memory, control: this.#control, layout: this.layout };
  }

  stats(): PoolStats {
    this.#collect();
    return {
      capacityBytes: this.layout.slabs * this.layout.slabBytes,
      leasedBytes: this.#leasedBytes,
      highWaterBytes: this.#highWaterBytes,
      refused: this.#refused,
      classes: this.#classes.map(({ blockBytes, leased, free, highWater }) => ({
        blockBytes,
        leased,
        free,
        highWater,
      })),
    };
  }

  /** Leases that have not ended, on any thread: at the end of a life, leaks. */
  leaks(): readonly Leak[] {
    this.#collect();
    return this.#slabs.flatMap((slab) =>
      [...slab.everGiven()].flatMap((offset) => {
        const place = { slab: slab.number, offset };
        const unit = unitAt(this.layout, place);
        const state = this.ownership.stateOf(unit);
        if (state === 'free') return [];
        return [{ ...place, length: this.ownership.lengthOf(unit), state, born: this.#births?.get(unit) }];
      }),
    );
  }

  /** Shows the pool in the metrics; answers how to end that. */
  meter(meter: Meter): () => void {
    const leasedBytes = (): number => {
      this.#collect();
      return this.#leasedBytes;
    };
    const capacityBytes = this.layout.slabs * this.layout.slabBytes;
    const ends = [
      meter.collect('iot_memory_pool_bytes', leasedBytes, { state: 'leased' }),
      meter.collect('iot_memory_pool_bytes', () => this.#highWaterBytes, { state: 'high_water' }),
      meter.collect('iot_memory_pool_bytes', () => capacityBytes, { state: 'capacity' }),
      meter.collect('iot_memory_pool_refused_total', () => this.#refused),
      ...this.#classes.map((sizeClass) =>
        meter.collect('iot_memory_pool_leases', () => sizeClass.leased, {
          block_bytes: String(sizeClass.blockBytes),
        }),
      ),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  /** Called by leases of this thread. */
  takeBack(unit: number, stamp: Stamp, bytes: Uint8Array): void {
    this.#wipe(bytes);
    this.ownership.free(unit, stamp);
    this.#put(unit);
  }

  #makeRoom(sizeClass: SizeClass): boolean {
    if (sizeClass.hasRoom) return true;
    this.#collect();
    if (sizeClass.hasRoom) return true;
    const slab = this.#unused.pop() ?? this.#spareSlab();
    if (slab === undefined) return false;
    sizeClass.addSlab(slab);
    this.#classOfSlab[slab.number] = sizeClass;
    return true;
  }

  #spareSlab(): Slab | undefined {
    for (const sizeClass of this.#classes) {
      const slab = sizeClass.spareSlab();
      if (slab !== undefined) return slab;
    }
    return undefined;
  }

  /** Blocks that ended on other threads, zeroed there. */
  #collect(): void {
    for (const unit of this.ownership.collect()) this.#put(unit);
  }

  #put(unit: number): void {
    const { slab: number, offset } = placeOf(this.layout, unit);
    const slab = this.#slabs[number];
    const sizeClass = this.#classOfSlab[number];
    invariant(slab !== undefined && sizeClass !== undefined, 'a block of no slab comes back');
    sizeClass.put(slab, offset);
    this.#leasedBytes -= sizeClass.blockBytes;
    // The place of birth is kept: should somebody still write here, it says who had the block.
  }

  #trace(births: Map<number, string>, unit: number, blockBytes: number): void {
    const at = addressOf(this.layout, placeOf(this.layout, unit));
    const block = new Uint8Array(this.memory.buffer, at, blockBytes);
    const written = block.findIndex((byte) => byte !== 0);
    if (written >= 0) {
      const born = births.get(unit) ?? 'elsewhere';
      throw new InvariantError(
        `BUG: byte ${written} of a lease was written after its release; it was made ${born}`,
      );
    }
    births.set(unit, birthplace());
  }
}

/** The stack below `acquire`. */
function birthplace(): string {
  const place = { stack: '' };
  // eslint-disable-next-line typescript/unbound-method -- only says where the stack begins
  Error.captureStackTrace(place, MemoryPool.prototype.acquire);
  return place.stack.replace(/^.*\n\s*/, '');
}
