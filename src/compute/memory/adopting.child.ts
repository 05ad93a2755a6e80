/** The other thread of the pool's tests: adopts what it is sent, answers its sum, releases or sends it back. */
import { parentPort, workerData } from 'node:worker_threads';
import { AttachedPool } from './attached-pool.ts';
import type { Ticket } from './lease.ts';
import type { PoolShare } from './memory-pool.ts';

export interface Errand {
  readonly ticket: Ticket;
  /** Add one to each byte and send the lease back, instead of releasing it here. */
  readonly back: boolean;
}

export interface ErrandAnswer {
  readonly sum: number;
  readonly ticket: Ticket | undefined;
  readonly error: string | undefined;
}

const pool = new AttachedPool({ share: workerData as PoolShare });

function run({ ticket, back }: Errand): ErrandAnswer {
  try {
    const lease = pool.adopt(ticket);
    const bytes = lease.borrow();
    const sum = bytes.reduce((total, byte) => total + byte, 0);
    if (back) {
      for (let at = 0; at < bytes.length; at += 1) bytes[at] = (bytes[at] ?? 0) + 1;
      return { sum, ticket: lease.transfer(), error: undefined };
    }
    lease.release();
    return { sum, ticket: undefined, error: undefined };
  } catch (cause) {
    return { sum: -1, ticket: undefined, error: String(cause) };
  }
}

parentPort?.on('message', (errands: readonly Errand[]) => {
  // eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  parentPort?.postMessage(errands.map(run));
});
