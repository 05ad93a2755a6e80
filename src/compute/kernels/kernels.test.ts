import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { InvariantError } from '../../base/invariant.ts';
import { createSharedMemory } from '../memory/shared-memory.ts';
import { Kernels } from './kernels.ts';
import { bindSimd } from './simd-module.ts';

const memory = createSharedMemory(4 * 65_536);
const simd = new Kernels({ memory });
const scalar = new Kernels({ memory, scalar: true });
const HEAD_BYTES = 65_536;

/** Columns in the kernels' memory, one behind the other with a gap, at an odd multiple of their alignment. */
class Desk {
  #next = HEAD_BYTES + 8;

  floats(values: ArrayLike<number>): Float64Array {
    const column = new Float64Array(memory.buffer, this.#take(values.length * 8), values.length);
    column.set(values);
    return column;
  }

  words(values: ArrayLike<bigint>): BigInt64Array {
    const column = new BigInt64Array(memory.buffer, this.#take(values.length * 8), values.length);
    column.set(values);
    return column;
  }

  rows(length: number): Uint32Array {
    return new Uint32Array(memory.buffer, this.#take(length * 4), length).fill(0);
  }

  bytes(values: ArrayLike<number>, shift = 0): Uint8Array {
    const column = new Uint8Array(memory.buffer, this.#take(values.length + shift) + shift, values.length);
    column.set(values);
    return column;
  }

  #take(bytes: number): number {
    const at = this.#next;
    this.#next += Math.ceil(bytes / 8) * 8 + 8;
    return at;
  }
}

const special = fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0, 1e300, -1e300, 5e-324);
const reading = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const number = fc.oneof({ weight: 4, arbitrary: reading }, { weight: 1, arbitrary: special });
/** Mostly missing, mostly there, or all kinds of trouble. */
const column = fc.oneof(
  fc.array(number, { maxLength: 67 }),
  fc.array(reading, { maxLength: 67 }),
  fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant(Number.NaN) }, reading), { maxLength: 67 }),
);
const word = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constantFrom(0n, -1n, 1n));

/** Rows of a series: times that never go back, values of all kinds. */
const series = fc
  .array(fc.tuple(fc.constantFrom(0, 0.25, 1, 1, 1, 7, 100), number), { maxLength: 300 })
  .map((steps) => {
    let time = 1_000;
    const times = steps.map(([step]) => (time += step));
    return { times, values: steps.map(([, value]) => value) };
  });

describe('vector kernels', () => {
  it('run on this platform', () => {
    expect(simd.scalarBecause).toBeUndefined();
  });
});

describe('the vector kernel and its scalar twin agree to the last bit on', () => {
  it('the byte transform, at any length and alignment, in place and not', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(15), (bytes, shift) => {
        const desk = new Desk();
        const source = desk.bytes(bytes, shift);
        const target = desk.bytes(new Uint8Array(bytes.length), 15 - shift);
        simd.addOne(target, source);
        expect([...target]).toEqual([...bytes].map((byte) => (byte + 1) & 0xff));
        scalar.addOne(target, source);
        simd.addOne(source, source);
        expect([...source]).toEqual([...target]);
      }),
    );
  });

  it('copies and wiping, leaving what lies around alone', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 100 }), fc.nat(15), (bytes, shift) => {
        const desk = new Desk();
        const source = desk.bytes(bytes, shift);
        const target = desk.bytes(new Uint8Array(bytes.length).fill(7), 3);
        simd.copy(target.subarray(1, -1), source.subarray(1, -1));
        expect([...target]).toEqual([7, ...bytes.subarray(1, -1), 7]);
        simd.wipe(target.subarray(1, -1));
        expect([...target]).toEqual([7, ...new Uint8Array(bytes.length - 2), 7]);
      }),
    );
  });

  it('unit scaling and z-scores', () => {
    fc.assert(
      fc.property(column, number, number, (values, a, b) => {
        const desk = new Desk();
        const [source, one, other] = [desk.floats(values), desk.floats(values), desk.floats(values)];
        simd.scale(one, source, a, b);
        scalar.scale(other, source, a, b);
        expect([...one]).toEqual([...other]);
        simd.zScore(one, one, a, b);
        scalar.zScore(other, other, a, b);
        expect([...one]).toEqual([...other]);
      }),
    );
  });

  it('range checks: one bit per value, none for a missing one', () => {
    fc.assert(
      fc.property(column, number, number, (values, low, high) => {
        const desk = new Desk();
        const source = desk.floats(values);
        const blank = new Uint8Array(Math.ceil(values.length / 8)).fill(0xaa);
        const [one, other] = [desk.bytes(blank), desk.bytes(blank)];
        const found = simd.outOfRange(one, source, low, high);
        expect(found).toBe(scalar.outOfRange(other, source, low, high));
        expect([...one]).toEqual([...other]);
        const outside = values.map((value) => value < low || value > high);
        expect(found).toBe(outside.filter(Boolean).length);
        expect(values.map((_, at) => (((one[at >> 3] ?? 0) >> (at & 7)) & 1) === 1)).toEqual(outside);
      }),
    );
  });

  it('summaries of columns with missing values', () => {
    fc.assert(
      fc.property(column, (values) => {
        const source = new Desk().floats(values);
        const summary = simd.summarize(source);
        expect(summary).toEqual(scalar.summarize(source));
        const there = values.filter((value) => !Number.isNaN(value));
        expect(summary.count).toBe(there.length);
        expect(summary.min).toEqual(there.reduce((a, b) => (b < a ? b : a), Infinity) || summary.min);
        expect(summary.max).toEqual(there.reduce((a, b) => (b > a ? b : a), -Infinity) || summary.max);
      }),
    );
  });

  it('moving means and their z-scores, from any state', () => {
    const state = fc.oneof(
      fc.constant({ mean: Number.NaN, variance: 0 }),
      fc.record({ mean: reading, variance: fc.double({ min: 0, max: 1e6, noNaN: true }) }),
    );
    const alpha = fc.double({ min: 0.001, max: 1, noNaN: true });
    fc.assert(
      fc.property(column, alpha, state, (values, weight, before) => {
        const run = (kernels: Kernels): unknown => {
          const desk = new Desk();
          const job = {
            values: desk.floats(values),
            means: desk.floats(values),
            scores: desk.floats(values),
            alpha: weight,
            state: { ...before },
          };
          kernels.ewma(job);
          return { means: [...job.means], scores: [...job.scores], state: job.state };
        };
        expect(run(simd)).toEqual(run(scalar));
      }),
    );
  });

  it('delta and XOR of any 64-bit words, both ways, in place too', () => {
    fc.assert(
      fc.property(fc.array(word, { maxLength: 40 }), (values) => {
        const desk = new Desk();
        const source = desk.words(values);
        const [one, other] = [desk.words(values), desk.words(values)];
        const codes = ['delta', 'xor'] as const;
        for (const code of codes) {
          simd[`${code}Encode`](one, source);
          scalar[`${code}Encode`](other, source);
          expect([...one]).toEqual([...other]);
          const wrapped = values.map((value, at) => {
            const before = values[at - 1] ?? 0n;
            return BigInt.asIntN(64, code === 'xor' ? value ^ before : value - before);
          });
          expect([...one]).toEqual(wrapped);
          simd[`${code}Decode`](one, one);
          scalar[`${code}Decode`](other, other);
          expect([...one]).toEqual(values);
          expect([...other]).toEqual(values);
          simd[`${code}Encode`](one, one);
          expect([...one]).toEqual(wrapped);
        }
      }),
    );
  });

  it('CRC-32C, whole and in two parts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), fc.nat(7), (bytes, cut, shift) => {
        const source = new Desk().bytes(bytes, shift);
        const whole = scalar.crc32c(source);
        expect(simd.crc32c(source)).toBe(whole);
        const first = simd.crc32c(source.subarray(0, cut));
        expect(simd.crc32c(source.subarray(cut), first)).toBe(whole);
      }),
    );
  });

  it('M4, for any rows, edges and number of columns', () => {
    fc.assert(
      fc.property(
        series,
        fc.nat(400),
        fc.integer({ min: 1, max: 2_000 }),
        fc.integer({ min: 1, max: 20 }),
        (rows, from, span, columns) => {
          const desk = new Desk();
          const [times, values] = [desk.floats(rows.times), desk.floats(rows.values)];
          const run = (kernels: Kernels): readonly number[] => {
            const picked = desk.rows(4 * columns);
            const job = { times, values, from: 900 + from, to: 900 + from + span, columns, picked };
            return [...picked.subarray(0, kernels.m4(job))];
          };
          expect(run(simd)).toEqual(run(scalar));
        },
      ),
    );
  });

  it('LTTB, for any rows and number of points', () => {
    fc.assert(
      fc.property(series, fc.integer({ min: 3, max: 40 }), (rows, points) => {
        const desk = new Desk();
        const [times, values] = [desk.floats(rows.times), desk.floats(rows.values)];
        const run = (kernels: Kernels): readonly number[] => {
          const picked = desk.rows(points);
          return [...picked.subarray(0, kernels.lttb({ times, values, picked }))];
        };
        expect(run(simd)).toEqual(run(scalar));
      }),
    );
  });
});

describe('kernels', () => {
  it('say why the module cannot be used', () => {
    expect(bindSimd(memory, new URL('./missing.wasm', import.meta.url))).toMatchObject({
      ok: false,
      error: expect.stringContaining('missing.wasm') as string,
    });
    expect(bindSimd(memory, new URL('./kernels.ts', import.meta.url))).toMatchObject({
      ok: false,
      error: expect.stringContaining('magic word') as string,
    });
  });

  it('do without WebAssembly', () => {
    vi.stubGlobal('WebAssembly', undefined);
    try {
      const plain = createSharedMemory(65_536);
      const kernels = new Kernels({ memory: plain });
      expect(kernels.scalarBecause).toContain('no WebAssembly');
      const bytes = new Uint8Array(plain.buffer, 0, 3);
      kernels.addOne(bytes, bytes);
      expect([...bytes]).toEqual([1, 1, 1]);
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it('give the same on memory they cannot reach', () => {
    const values = Float64Array.from({ length: 37 }, (_, at) => (at % 5 === 0 ? Number.NaN : Math.sin(at)));
    expect(simd.summarize(values)).toEqual(simd.summarize(new Desk().floats(values)));
    const bytes = Uint8Array.from(values.length > 0 ? [255, 0, 1] : []);
    simd.addOne(bytes, bytes);
    expect([...bytes]).toEqual([0, 1, 2]);
  });

  it('refuse columns of different lengths, and overlaps', () => {
    const bytes = new Desk().bytes(new Uint8Array(64));
    expect(() => simd.addOne(bytes, bytes.subarray(1))).toThrow(InvariantError);
    expect(() => simd.addOne(bytes.subarray(0, 32), bytes.subarray(1, 33))).toThrow(/overlap/);
    const floats = new Desk().floats(new Float64Array(16));
    expect(() => simd.outOfRange(new Uint8Array(1), floats, 0, 1)).toThrow(/one bit per value/);
    expect(() => simd.lttb({ times: floats, values: floats, picked: new Uint32Array(2) })).toThrow(/three/);
  });

  it('run their twins on plain shared memory, and say why', () => {
    const kernels = new Kernels({ memory: { buffer: new SharedArrayBuffer(65_536) } });
    expect(kernels.scalarBecause).toContain('not a WebAssembly memory');
    expect(kernels.crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
  });
});
