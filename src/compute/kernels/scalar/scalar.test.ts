/** The twins are the oracle of the vector kernels; here stands what they are held to themselves. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scalarKernels } from '../kernels.ts';

const kernels = scalarKernels();
const reading = fc.double({ min: -1e3, max: 1e3, noNaN: true });
const sparse = fc.oneof({ weight: 5, arbitrary: reading }, { weight: 1, arbitrary: fc.constant(Number.NaN) });

/** Values at rising times, 1 apart or more. */
const line = (values: readonly number[]): { times: Float64Array; values: Float64Array } => ({
  times: Float64Array.from(values, (_, at) => at * 10),
  values: Float64Array.from(values),
});

describe('CRC-32C', () => {
  // RFC 3720, appendix B.4
  it.each([
    ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['32 bytes of incrementing values', Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
    ['32 bytes of decrementing values', Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
  ])('of %s', (_name, bytes, crc) => {
    expect(kernels.crc32c(bytes)).toBe(crc);
  });
});

describe('a summary', () => {
  it('differs from adding up in order by rounding only: n × 2⁻⁵³ of the sum of magnitudes (Higham 1993)', () => {
    fc.assert(
      fc.property(fc.array(sparse, { maxLength: 100 }), (values) => {
        const { count, sum, sumOfSquares } = kernels.summarize(Float64Array.from(values));
        const there = values.filter((value) => !Number.isNaN(value));
        const plain = there.reduce((total, value) => total + value, 0);
        const magnitude = there.reduce((total, value) => total + Math.abs(value), 0);
        const squares = there.reduce((total, value) => total + value * value, 0);
        const bound = 2 * count * 2 ** -53;
        expect(Math.abs(sum - plain)).toBeLessThanOrEqual(bound * magnitude);
        expect(Math.abs(sumOfSquares - squares)).toBeLessThanOrEqual(bound * squares);
      }),
    );
  });

  it('of nothing says so', () => {
    const nothing = { count: 0, min: Infinity, max: -Infinity, sum: 0, sumOfSquares: 0 };
    expect(kernels.summarize(new Float64Array(0))).toEqual(nothing);
    expect(kernels.summarize(new Float64Array(20).fill(Number.NaN))).toEqual(nothing);
  });
});

describe('a moving mean', () => {
  it('follows the recurrence within rounding, whatever is missing, and over a column cut anywhere', () => {
    fc.assert(
      fc.property(
        fc.array(sparse, { maxLength: 60 }),
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.nat(60),
        (numbers, alpha, cut) => {
          const values = Float64Array.from(numbers);
          const means = new Float64Array(values.length);
          const scores = new Float64Array(values.length);
          const state = { mean: Number.NaN, variance: 0 };
          for (const [from, to] of [
            [0, cut],
            [cut, values.length],
          ] as const) {
            const part = (column: Float64Array): Float64Array => column.subarray(from, to);
            kernels.ewma({ values: part(values), means: part(means), scores: part(scores), alpha, state });
          }
          let [mean, variance] = [Number.NaN, 0];
          for (const [at, value] of numbers.entries()) {
            if (Number.isNaN(value)) {
              expect(scores[at]).toBeNaN();
            } else if (Number.isNaN(mean)) {
              mean = value;
            } else {
              const difference = value - mean;
              const wanted = difference / Math.sqrt(variance);
              // Where values do not differ at all, what is divided by what is rounding alone.
              if (variance > 1e-9)
                expect(scores[at]).toBeCloseTo(wanted, 4 - Math.log10(1 + Math.abs(wanted)));
              mean += alpha * difference;
              variance = (1 - alpha) * (variance + alpha * difference * difference);
            }
            if (Number.isNaN(mean)) expect(means[at]).toBeNaN();
            else expect(means[at]).toBeCloseTo(mean, 9);
          }
          expect(state.variance).toBeCloseTo(variance, 6);
        },
      ),
    );
  });

  it('knows no deviation until two values differ', () => {
    const values = Float64Array.of(5, 5, 5, 5, 5, 5, 6, 7);
    const [means, scores] = [new Float64Array(8), new Float64Array(8)];
    kernels.ewma({ values, means, scores, alpha: 0.5, state: { mean: Number.NaN, variance: 0 } });
    expect([...scores.subarray(0, 7)]).toEqual(new Array(7).fill(Number.NaN));
    expect(scores[7]).toBe(1.5 / 0.5);
    expect([...means]).toEqual([5, 5, 5, 5, 5, 5, 5.5, 6.25]);
  });
});

describe('M4', () => {
  it('picks first, lowest, highest and last of each column, and nothing else', () => {
    fc.assert(
      fc.property(
        fc.array(sparse, { maxLength: 200 }),
        fc.integer({ min: 1, max: 12 }),
        (numbers, columns) => {
          const { times, values } = line(numbers);
          const to = Math.max(times.length * 10, 1);
          const picked = new Uint32Array(4 * columns);
          const rows = [...picked.subarray(0, kernels.m4({ times, values, from: 0, to, columns, picked }))];
          const wanted = Array.from({ length: columns }, (_, column) => {
            const inside = numbers
              .map((value, row) => ({ value, row }))
              .filter(
                ({ value, row }) => !Number.isNaN(value) && Math.floor((row * 10 * columns) / to) === column,
              );
            const by = inside.toSorted((a, b) => a.value - b.value || a.row - b.row);
            const lowest = by[0];
            const highest = by.find(({ value }) => value === by.at(-1)?.value);
            return [inside[0], lowest, highest, inside.at(-1)].flatMap((one) => (one ? [one.row] : []));
          });
          expect(rows).toEqual([...new Set(wanted.flat())].toSorted((a, b) => a - b));
        },
      ),
    );
  });

  it('leaves out what lies outside the picture, the right edge included', () => {
    const { times, values } = line([1, 2, 3, 4, 5]);
    const picked = new Uint32Array(4);
    expect(kernels.m4({ times, values, from: 10, to: 40, columns: 1, picked })).toBe(2);
    expect([...picked.subarray(0, 2)]).toEqual([1, 3]);
  });
});

describe('LTTB', () => {
  const pick = (numbers: readonly number[], points: number): readonly number[] => {
    const { times, values } = line(numbers);
    const picked = new Uint32Array(points);
    return [...picked.subarray(0, kernels.lttb({ times, values, picked }))];
  };

  it('keeps ends and peaks', () => {
    const flat: number[] = new Array(100).fill(0);
    flat[37] = 50;
    flat[71] = -80;
    const rows = pick(flat, 10);
    expect(rows).toHaveLength(10);
    expect(rows).toEqual(expect.arrayContaining([0, 37, 71, 99]));
  });

  it('picks one row of each bucket, ascending, all of them there', () => {
    fc.assert(
      fc.property(
        fc.array(sparse, { maxLength: 200 }),
        fc.integer({ min: 3, max: 30 }),
        (numbers, points) => {
          const rows = pick(numbers, points);
          const there = [...numbers.keys()].filter((row) => !Number.isNaN(numbers[row]));
          expect(rows.every((row, at) => at === 0 || row > (rows[at - 1] ?? 0))).toBe(true);
          expect(rows.every((row) => there.includes(row))).toBe(true);
          expect(rows.length).toBeLessThanOrEqual(points);
          if (there.length > 0) expect([rows[0], rows.at(-1)]).toEqual([there[0], there.at(-1)]);
          if (there.length === numbers.length) expect(rows).toHaveLength(Math.min(points, numbers.length));
        },
      ),
    );
  });

  it('skips gaps and draws on behind them', () => {
    const gap: number[] = new Array(40).fill(Number.NaN);
    const rows = pick([...new Array(20).fill(1), ...gap, ...new Array(20).fill(2)], 20);
    expect(rows.every((row) => row < 20 || row >= 60)).toBe(true);
    expect(rows).toEqual(expect.arrayContaining([0, 79]));
    expect(rows.length).toBeGreaterThan(8);
  });
});
