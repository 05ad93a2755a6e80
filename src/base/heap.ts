import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HEAP_SETTLE_IDLE_SHARE, HEAP_SETTLE_MS, HEAP_SETTLE_TRIES_MAX } from './limits.ts';

type Collect = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

/**
 * Gives back, once, what the start of this thread has left behind: about 12 MB of compiled-once code and grown
 * semi-spaces that V8 would otherwise keep until the machine is short of memory. Pauses the thread for ~50 ms, so it
 * waits for a time without work, and is given up where there is none.
 */
export function settleHeapSoon(triesLeft = HEAP_SETTLE_TRIES_MAX): void {
  const before = performance.eventLoopUtilization();
  setTimeout(() => {
    const { utilization } = performance.eventLoopUtilization(before);
    if (utilization < HEAP_SETTLE_IDLE_SHARE) collectAll();
    else if (triesLeft > 1) settleHeapSoon(triesLeft - 1);
  }, HEAP_SETTLE_MS).unref();
}

function collectAll(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
