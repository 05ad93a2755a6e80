/**
 * Finds the compiled kernels and binds them to a memory; says why where it cannot. Compiling takes about a
 * millisecond, and the engine shares the machine code between the threads of a process.
 */
import { readFileSync } from 'node:fs';
import { err, ok, type Result } from '../../base/result.ts';
import type { SharedMemory } from '../memory/shared-memory.ts';

/** A number that the last call left in the instance. */
interface Register {
  readonly value: number;
}

/** What `assembly/index.ts` exports. Addresses and lengths in elements (bytes for bytes); see `kernels.ts`. */
export interface SimdExports {
  addOne(target: number, source: number, length: number): void;
  copy(target: number, source: number, length: number): void;
  wipe(target: number, length: number): void;
  scale(target: number, source: number, length: number, factor: number, offset: number): void;
  zScore(target: number, source: number, length: number, mean: number, deviation: number): void;
  outOfRange(mask: number, source: number, length: number, low: number, high: number): number;
  summarize(source: number, length: number): void;
  readonly count: Register;
  readonly min: Register;
  readonly max: Register;
  readonly sum: Register;
  readonly sumOfSquares: Register;
  // biome-ignore format: one row like the others
  ewma(means: number, scores: number, source: number, length: number, alpha: number, mean: number, variance: number): void;
  readonly ewmaMean: Register;
  readonly ewmaVariance: Register;
  deltaEncode(target: number, source: number, length: number): void;
  deltaDecode(target: number, source: number, length: number): void;
  xorEncode(target: number, source: number, length: number): void;
  xorDecode(target: number, source: number, length: number): void;
  crc32c(source: number, length: number, before: number): number;
  makeCrcTables(): void;
  // biome-ignore format: one row like the others
  m4(picked: number, times: number, values: number, length: number, from: number, to: number, columns: number): number;
  lttb(picked: number, times: number, values: number, length: number, points: number): number;
}

/** The module, bound to this memory; a plain sentence where the platform or the memory does not allow it. */
export function bindSimd(
  memory: SharedMemory,
  url = new URL('./kernels.wasm', import.meta.url),
): Result<SimdExports, string> {
  if (typeof WebAssembly === 'undefined') return err('this engine has no WebAssembly');
  if (!(memory instanceof WebAssembly.Memory)) return err('the memory is not a WebAssembly memory');
  try {
    const module = new WebAssembly.Module(readFileSync(url));
    const exports = new WebAssembly.Instance(module, { env: { memory } }).exports as SimdExports;
    exports.makeCrcTables();
    return ok(exports);
  } catch (cause) {
    return err(cause instanceof Error ? cause.message : String(cause));
  }
}
