/**
 * How long messages take from their receipt until they can be queried, as the platform's own traces say: the first
 * message of each commit, which waits longest for it, and one in 1,000. The way to the socket is not in it.
 */
import { pause, type Server } from '../../test/support/server.ts';

/** The server keeps the last 100 traces; a commit brings up to 16, and there are about ten a second. */
const POLL_MS = 100;

interface Trace {
  readonly offset: number;
  readonly receivedAt: number;
  readonly committedAt: number;
}

export interface Watched<T> {
  readonly result: T;
  readonly delaysMs: readonly number[];
}

/** Collects the delays of what came in while `work` ran. */
export async function watchTraces<T>(server: Server, work: () => Promise<T>): Promise<Watched<T>> {
  const recent = async (): Promise<readonly Trace[]> =>
    (await server.get<{ traces: readonly Trace[] }>('/api/v1/traces')).traces;
  const before = new Set((await recent()).map(({ offset }) => offset));
  const delays = new Map<number, number>();
  const collect = async (): Promise<void> => {
    for (const { offset, receivedAt, committedAt } of await recent())
      if (!before.has(offset)) delays.set(offset, committedAt - receivedAt);
  };
  const state = { ended: false };
  const watch = async (): Promise<void> => {
    while (!state.ended) {
      await collect();
      await pause(POLL_MS);
    }
  };
  const working = work().finally(() => {
    state.ended = true;
  });
  const [result] = await Promise.all([working, watch()]);
  await collect();
  return { result, delaysMs: [...delays.values()] };
}
