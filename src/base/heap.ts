import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { HEAP_SETTLE_MS } from './limits.ts';

type Collect = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

/**
 * Gives back, once, what the start of this thread has left behind: about 12 MB of compiled-once code and grown
 * semi-spaces that V8 would otherwise keep until the machine is short of memory. Pauses the thread for ~40 ms.
 */
export function settleHeapSoon(): void {
  setTimeout(() => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as Collect;
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  }, HEAP_SETTLE_MS).unref();
}
