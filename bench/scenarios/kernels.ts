import { crc32 } from 'node:zlib';
import { Kernels, scalarKernels } from '../../src/compute/kernels/kernels.ts';
import { memoryBytes } from '../../src/compute/memory/layout.ts';
import { DEFAULT_LAYOUT, MemoryPool } from '../../src/compute/memory/memory-pool.ts';
import { createSharedMemory } from '../../src/compute/memory/shared-memory.ts';
import { type BenchContext, type Measurement, type Scenario, UnavailableError } from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';

const BYTES = 65_536;
const ROWS = BYTES / 8;
/** Long enough for the clock, short enough that all candidates of a comparison see the same machine. */
const BATCH_MS = 2;
const BATCHES = 60;
const WARM_UP_CALLS = 3_000;

type Job = () => void;

export const scenario: Scenario = {
  name: 'kernels',
  description:
    'vector kernels on pooled memory beside their scalar twins on private memory, 64 KiB at a time',
  async run(context) {
    const memory = createSharedMemory(memoryBytes(DEFAULT_LAYOUT));
    const kernels = new Kernels({ memory });
    if (kernels.scalarBecause !== undefined) throw new UnavailableError(kernels.scalarBecause);
    const pool = new MemoryPool({ memory, wipe: kernels.wipe });
    const simd = desk((bytes) => lease(pool, bytes), kernels);
    const scalar = desk((bytes) => new Uint8Array(bytes), scalarKernels());
    return [
      ...transform(context, simd, scalar),
      ...Object.keys(simd.jobs).flatMap((name) => twins(context, name, simd, scalar)),
      ...checksums(context, simd, scalar),
      ...poolItself(context, pool),
    ];
  },
};

function lease(pool: MemoryPool, bytes: number): Uint8Array {
  const result = pool.acquire(bytes);
  if (!result.ok) throw result.error;
  return result.value.borrow();
}

interface Desk {
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly kernels: Kernels;
  readonly jobs: Readonly<Record<string, Job>>;
}

/** The same jobs on the memory that `allocate` gives. A tenth of the readings is missing where that matters. */
function desk(allocate: (bytes: number) => Uint8Array, kernels: Kernels): Desk {
  const floats = (fill: (row: number) => number): Float64Array => {
    const bytes = allocate(BYTES);
    const column = new Float64Array(bytes.buffer, bytes.byteOffset, ROWS);
    for (let row = 0; row < ROWS; row += 1) column[row] = fill(row);
    return column;
  };
  const rows = (length: number): Uint32Array => {
    const bytes = allocate(length * 4);
    return new Uint32Array(bytes.buffer, bytes.byteOffset, length);
  };
  const words = (): BigInt64Array => {
    const bytes = allocate(BYTES);
    return new BigInt64Array(bytes.buffer, bytes.byteOffset, ROWS);
  };
  const wave = (row: number): number => 20 + 5 * Math.sin(row / 50) + (row % 7) / 10;
  const whole = floats(wave);
  const sparse = floats((row) => (row % 10 === 3 ? Number.NaN : wave(row)));
  const times = floats((row) => row * 1_000);
  const [out, scores] = [floats(() => 0), floats(() => 0)];
  const stamps = words();
  stamps.set(BigInt64Array.from({ length: ROWS }, (_, row) => 1_700_000_000_000n + BigInt(row * 1_000)));
  const [coded, decoded] = [words(), words()];
  const mask = allocate(ROWS / 8);
  const [m4Rows, lttbRows] = [rows(4 * 200), rows(800)];
  const state = { mean: Number.NaN, variance: 0 };
  const ewma = { values: whole, means: out, scores, alpha: 0.1, state };
  const m4 = { times, values: sparse, from: 0, to: ROWS * 1_000, columns: 200, picked: m4Rows };
  return {
    source: allocate(BYTES),
    target: allocate(BYTES),
    kernels,
    jobs: {
      'count, min, max, sum, sum of squares': () => kernels.summarize(sparse),
      'unit scaling': () => kernels.scale(out, whole, 1.8, 32),
      'range check to a bit mask': () => kernels.outOfRange(mask, sparse, 16, 24),
      'z-score': () => kernels.zScore(out, whole, 20, 3),
      'moving mean, variance and z-score (EWMA)': () => kernels.ewma(ewma),
      'delta encode': () => kernels.deltaEncode(coded, stamps),
      'delta decode': () => kernels.deltaDecode(decoded, coded),
      'XOR encode': () => kernels.xorEncode(coded, stamps),
      'XOR decode': () => kernels.xorDecode(decoded, coded),
      'M4, 200 columns': () => kernels.m4(m4),
      'LTTB, 800 points': () => kernels.lttb({ times, values: sparse, picked: lttbRows }),
    },
  };
}

/** Nanoseconds per call of each job: medians over batches that take turns. */
function timed(context: BenchContext, jobs: Readonly<Record<string, Job>>): Readonly<Record<string, number>> {
  const entries = Object.entries(jobs).map(([name, job]) => ({
    name,
    job,
    calls: 1,
    samples: [] as number[],
  }));
  for (const entry of entries) {
    for (let call = 0; call < WARM_UP_CALLS; call += 1) entry.job();
    entry.calls = Math.max(1, Math.round((BATCH_MS * 1e6) / nsPerCall(entry.job, 200)));
  }
  for (let batch = 0; batch < BATCHES * context.rounds; batch += 1) {
    for (const { job, calls, samples } of entries) samples.push(nsPerCall(job, calls));
  }
  return Object.fromEntries(entries.map(({ name, samples }) => [name, median(samples)]));
}

function nsPerCall(job: Job, calls: number): number {
  const begun = process.hrtime.bigint();
  for (let call = 0; call < calls; call += 1) job();
  return Number(process.hrtime.bigint() - begun) / calls;
}

const gigabytes = (ns: number | undefined): string => `${(BYTES / (ns ?? Infinity)).toFixed(1)} GB/s`;
const times = (slow: number | undefined, fast: number | undefined): number => (slow ?? 0) / (fast ?? 1);

function transform(context: BenchContext, simd: Desk, scalar: Desk): readonly Measurement[] {
  const { source, target } = scalar;
  const ns = timed(context, {
    vector: () => simd.kernels.addOne(simd.target, simd.source),
    // The twin's loop with its arrays for constants: about twice as fast as the twin itself.
    scalar: () => {
      for (let at = 0; at < BYTES; at += 1) target[at] = (source[at] ?? 0) + 1;
    },
    setShared: () => simd.target.set(simd.source),
    setPrivate: () => target.set(source),
    copy: () => simd.kernels.copy(simd.target, simd.source),
    fillShared: () => simd.target.fill(0),
    wipe: () => simd.kernels.wipe(simd.target),
  });
  const vector = gigabytes(ns['vector']);
  return [
    {
      what: 'byte + 1, against scalar TypeScript',
      value: times(ns['scalar'], ns['vector']),
      unit: '×',
      asked: { atLeast: 8 },
      note: `${vector} against ${gigabytes(ns['scalar'])}`,
    },
    {
      what: 'byte + 1, against TypedArray.set on the same memory',
      value: times(ns['setShared'], ns['vector']),
      unit: '×',
      asked: { atLeast: 0.8 },
      note: `${vector} against ${gigabytes(ns['setShared'])}`,
    },
    {
      what: 'byte + 1, against TypedArray.set on private memory',
      value: times(ns['setPrivate'], ns['vector']),
      unit: '×',
      asked: { atLeast: 0.8 },
      note: `${vector} against ${gigabytes(ns['setPrivate'])}, the C library's memcpy`,
    },
    {
      what: 'copy, against TypedArray.set on the same memory',
      value: times(ns['setShared'], ns['copy']),
      unit: '×',
      note: gigabytes(ns['copy']),
    },
    {
      what: 'wipe, against TypedArray.fill on the same memory',
      value: times(ns['fillShared'], ns['wipe']),
      unit: '×',
      note: `${gigabytes(ns['wipe'])} against ${gigabytes(ns['fillShared'])}`,
    },
  ];
}

function twins(context: BenchContext, name: string, simd: Desk, scalar: Desk): readonly Measurement[] {
  const [vector, twin] = [simd.jobs[name], scalar.jobs[name]];
  if (vector === undefined || twin === undefined) throw new Error(`no job ${name}`);
  const ns = timed(context, { vector, twin });
  const perRow = (taken: number | undefined): string => `${((taken ?? 0) / ROWS).toFixed(2)} ns`;
  return [
    {
      what: `${name}, against its twin`,
      value: times(ns['twin'], ns['vector']),
      unit: '×',
      note: `${perRow(ns['vector'])} against ${perRow(ns['twin'])} a row`,
    },
  ];
}

function checksums(context: BenchContext, simd: Desk, scalar: Desk): readonly Measurement[] {
  const ns = timed(context, {
    vector: () => simd.kernels.crc32c(simd.source),
    twin: () => scalar.kernels.crc32c(scalar.source),
    native: () => crc32(scalar.source),
  });
  return [
    {
      what: 'CRC-32C, against its twin',
      value: times(ns['twin'], ns['vector']),
      unit: '×',
      note: `${gigabytes(ns['vector'])} against ${gigabytes(ns['twin'])}; zlib's CRC-32 (the log's) ${gigabytes(ns['native'])}`,
    },
  ];
}

function poolItself(context: BenchContext, pool: MemoryPool): readonly Measurement[] {
  return [4_096, BYTES].map((bytes) => {
    const ns = timed(context, {
      lease: () => {
        const result = pool.acquire(bytes);
        if (result.ok) result.value.release();
      },
      fresh: () => void new SharedArrayBuffer(bytes),
    });
    return {
      what: `lease of ${bytes} bytes and back, against new shared memory`,
      value: times(ns['fresh'], ns['lease']),
      unit: '×',
      note: `${ns['lease']?.toFixed(0)} ns against ${ns['fresh']?.toFixed(0)} ns`,
    };
  });
}
