/** Takes a snapshot, waits without a turn until the writer has gone on, and says how far it reads then, and next. */
import { parentPort, workerData } from 'node:worker_threads';
import { openLogReader } from './log-reader.ts';

const { path, signal } = workerData as { readonly path: string; readonly signal: Int32Array };
const reader = openLogReader({ path });
const readOn = (from: number): number => reader.read(from, 1_000_000, () => undefined);
reader.snapshot();
Atomics.store(signal, 0, 1);
Atomics.notify(signal, 0);
Atomics.wait(signal, 0, 1);
const first = readOn(0);
const next = readOn(first);
await reader.close();
// eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
parentPort?.postMessage({ first, next });
