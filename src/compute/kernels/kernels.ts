/**
 * The kernels of the data path, one door for vector code and its scalar twins. Promises the same result to the last
 * bit whichever runs: vector code where all columns lie in the memory it is bound to and the platform has SIMD, the
 * twin everywhere else. Knows addresses, not owners: who may touch a column is the pool's matter.
 */
import { invariant } from '../../base/invariant.ts';
import { createSharedMemory, type SharedMemory } from '../memory/shared-memory.ts';
import { addOne } from './scalar/bytes.ts';
import { outOfRange, scale, zScore } from './scalar/columns.ts';
import { crc32c } from './scalar/crc32c.ts';
import { type EwmaJob, ewma } from './scalar/ewma.ts';
import { type LttbJob, lttb } from './scalar/lttb.ts';
import { type M4Job, m4 } from './scalar/m4.ts';
import { type Summary, summarize } from './scalar/summary.ts';
import { deltaDecode, deltaEncode, type Words, xorDecode, xorEncode } from './scalar/words.ts';
import { bindSimd, type SimdExports } from './simd-module.ts';

export type { EwmaJob } from './scalar/ewma.ts';
export type { LttbJob } from './scalar/lttb.ts';
export type { M4Job } from './scalar/m4.ts';
export type { Summary } from './scalar/summary.ts';
export type { Words } from './scalar/words.ts';

/** Columns of a call are of one length; a target is its source, or does not overlap it (else an InvariantError). */
export class Kernels {
  /** Why the scalar twins run; undefined with SIMD. */
  readonly scalarBecause: string | undefined;
  readonly #buffer: ArrayBufferLike | undefined;
  readonly #simd: SimdExports | undefined;

  /** The first `POOL_HEAD_BYTES` of the memory become the kernels' own. `scalar`: run the twins whatever there is. */
  constructor(options: { readonly memory: SharedMemory; readonly scalar?: boolean }) {
    if (options.scalar === true) {
      this.scalarBecause = 'it was asked for';
      return;
    }
    const bound = bindSimd(options.memory);
    if (bound.ok) {
      this.#simd = bound.value;
      this.#buffer = options.memory.buffer;
    } else {
      this.scalarBecause = bound.error;
    }
  }

  /** Adds 1 to each byte, wrapping: the reference transform of the benchmarks. */
  addOne(target: Uint8Array, source: Uint8Array): void {
    checkPair(target, source);
    const simd = this.#simdFor(target, source);
    if (simd === undefined) addOne(target, source);
    else simd.addOne(target.byteOffset, source.byteOffset, source.length);
  }

  /** Like `target.set(source)`, which is slow on shared memory (benchmarks: `kernels`). May overlap. */
  copy(target: Uint8Array, source: Uint8Array): void {
    invariant(target.length === source.length, 'columns of a kernel differ in length');
    const simd = this.#simdFor(target, source);
    if (simd === undefined) target.set(source);
    else simd.copy(target.byteOffset, source.byteOffset, source.length);
  }

  /** Like `target.fill(0)`, which is slow on shared memory. Bound, to be handed to a pool. */
  readonly wipe = (target: Uint8Array): void => {
    const simd = this.#simdFor(target);
    if (simd === undefined) target.fill(0);
    else simd.wipe(target.byteOffset, target.length);
  };

  /** value × factor + offset. */
  scale(target: Float64Array, source: Float64Array, factor: number, offset: number): void {
    checkPair(target, source);
    const simd = this.#simdFor(target, source);
    if (simd === undefined) scale(target, source, factor, offset);
    else simd.scale(target.byteOffset, source.byteOffset, source.length, factor, offset);
  }

  /** (value − mean) ÷ deviation. */
  zScore(target: Float64Array, source: Float64Array, mean: number, deviation: number): void {
    checkPair(target, source);
    const simd = this.#simdFor(target, source);
    if (simd === undefined) zScore(target, source, mean, deviation);
    else simd.zScore(target.byteOffset, source.byteOffset, source.length, mean, deviation);
  }

  /** Bit i mod 8 of byte i div 8: value i is below `low` or above `high`. Missing ones are neither. Answers how many. */
  outOfRange(mask: Uint8Array, source: Float64Array, low: number, high: number): number {
    invariant(mask.length === Math.ceil(source.length / 8), 'a mask has one bit per value');
    invariant(areApart(mask, source), 'a mask overlaps its values');
    const simd = this.#simdFor(mask, source);
    if (simd === undefined) return outOfRange(mask, source, low, high);
    return simd.outOfRange(mask.byteOffset, source.byteOffset, source.length, low, high);
  }

  /** Count, extremes, sum and sum of squares of what is there; NaN is missing. */
  summarize(values: Float64Array): Summary {
    const simd = this.#simdFor(values);
    if (simd === undefined) return summarize(values);
    simd.summarize(values.byteOffset, values.length);
    return {
      count: simd.count.value,
      min: simd.min.value,
      max: simd.max.value,
      sum: simd.sum.value,
      sumOfSquares: simd.sumOfSquares.value,
    };
  }

  /** Moving mean, and z-score of each value against what stood before it; see `EwmaJob`. */
  ewma(job: EwmaJob): void {
    const { values, means, scores, alpha, state } = job;
    checkPair(means, values);
    checkPair(scores, values);
    invariant(areApart(means, scores) && areApart(means, values), 'columns of a kernel overlap');
    invariant(alpha > 0 && alpha <= 1, 'alpha is above 0 and at most 1');
    const simd = this.#simdFor(values, means, scores);
    if (simd === undefined) return ewma(job);
    const { byteOffset, length } = values;
    simd.ewma(means.byteOffset, scores.byteOffset, byteOffset, length, alpha, state.mean, state.variance);
    state.mean = simd.ewmaMean.value;
    state.variance = simd.ewmaVariance.value;
  }

  /** Each 64-bit word minus its predecessor, wrapping; the first stands for itself. For times and counters. */
  deltaEncode(target: Words, source: Words): void {
    checkPair(target, source);
    const simd = this.#simdFor(target, source);
    if (simd === undefined) deltaEncode(target, source);
    else simd.deltaEncode(target.byteOffset, source.byteOffset, source.length);
  }

  deltaDecode(target: Words, source: Words): void {
    checkPair(target, source);
    const simd = this.#simdFor(target, source);
    if (simd === undefined) deltaDecode(target, source);
    else simd.deltaDecode(target.byteOffset, source.byteOffset, source.length);
  }

  /** Each word XOR its predecessor: few bits where values are alike (Pelkonen et al., "Gorilla", VLDB 2015). */
  xorEncode(target: Words, source: Words): void {
    checkPair(target, source);
    const simd = this.#simdFor(target, source);
    if (simd === undefined) xorEncode(target, source);
    else simd.xorEncode(target.byteOffset, source.byteOffset, source.length);
  }

  xorDecode(target: Words, source: Words): void {
    checkPair(target, source);
    const simd = this.#simdFor(target, source);
    if (simd === undefined) xorDecode(target, source);
    else simd.xorDecode(target.byteOffset, source.byteOffset, source.length);
  }

  /** CRC-32C (RFC 3720). `before` is the checksum of the bytes that came before these. */
  crc32c(bytes: Uint8Array, before = 0): number {
    const simd = this.#simdFor(bytes);
    if (simd === undefined) return crc32c(bytes, before);
    return simd.crc32c(bytes.byteOffset, bytes.length, before) >>> 0;
  }

  /** Rows that draw the same line as all of them; see `M4Job`. */
  m4(job: M4Job): number {
    const { times, values, picked, from, to, columns } = job;
    checkSampling(job);
    invariant(Number.isInteger(columns) && columns > 0 && to > from, 'a picture has columns and a span');
    invariant(picked.length >= 4 * columns, 'a column picks up to four rows');
    const simd = this.#simdFor(times, values, picked);
    if (simd === undefined) return m4(job);
    const { byteOffset, length } = values;
    return simd.m4(picked.byteOffset, times.byteOffset, byteOffset, length, from, to, columns);
  }

  /** Rows that keep the look of the line; see `LttbJob`. */
  lttb(job: LttbJob): number {
    const { times, values, picked } = job;
    checkSampling(job);
    invariant(picked.length >= 3, 'a line keeps three points or more');
    const simd = this.#simdFor(times, values, picked);
    if (simd === undefined) return lttb(job);
    const { byteOffset, length } = values;
    return simd.lttb(picked.byteOffset, times.byteOffset, byteOffset, length, picked.length);
  }

  /** Vector code for these columns, if all of them lie where it can reach. */
  #simdFor(...columns: readonly ArrayBufferView[]): SimdExports | undefined {
    for (const { buffer } of columns) if (buffer !== this.#buffer) return undefined;
    return this.#simd;
  }
}

/** Kernels on private memory of their own are none: without a memory to share, the twins run. */
export const scalarKernels = (): Kernels => new Kernels({ memory: createSharedMemory(1), scalar: true });

function checkPair(target: ArrayBufferView & Lengthy, source: ArrayBufferView & Lengthy): void {
  invariant(target.length === source.length, 'columns of a kernel differ in length');
  invariant(
    (target.buffer === source.buffer && target.byteOffset === source.byteOffset) || areApart(target, source),
    'columns of a kernel overlap',
  );
}

interface Lengthy {
  readonly length: number;
}

function areApart(a: ArrayBufferView, b: ArrayBufferView): boolean {
  return (
    a.buffer !== b.buffer ||
    a.byteOffset + a.byteLength <= b.byteOffset ||
    b.byteOffset + b.byteLength <= a.byteOffset
  );
}

function checkSampling({ times, values, picked }: Pick<LttbJob, 'times' | 'values' | 'picked'>): void {
  invariant(times.length === values.length, 'columns of a kernel differ in length');
  invariant(areApart(picked, times) && areApart(picked, values), 'columns of a kernel overlap');
}
