/**
 * The memory that a pool divides and kernels run on: one shared WebAssembly memory, or plain shared memory where the
 * engine has no WebAssembly (`node --jitless`). Knows neither leases nor kernels.
 */
import { invariant } from '../../base/invariant.ts';

/** Structured clone hands it to other threads as it is: no copy. */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer;
}

/** WebAssembly Core 2.0, 4.2.8: memory is made of pages of 64 KiB, of which there are 65,536 at most. */
const PAGE_BYTES = 65_536;
const PAGES_MAX = 65_536;

/** Zeros. The system gives pages when they are first touched: what is never used costs addresses only. */
export function createSharedMemory(bytes: number): SharedMemory {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  invariant(pages > 0 && pages <= PAGES_MAX, `shared memory of ${bytes} bytes`);
  if (typeof WebAssembly === 'undefined') return { buffer: new SharedArrayBuffer(pages * PAGE_BYTES) };
  return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
}
