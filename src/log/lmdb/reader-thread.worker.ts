/** Reads the log to the end again and again, compares each record with what its offset says, and reports. */
import { parentPort, workerData } from 'node:worker_threads';
import { crashPacket } from './crash.packet.ts';
import { openLogReader } from './log-reader.ts';

const { path, records } = workerData as { readonly path: string; readonly records: number };
const reader = openLogReader({ path });
// eslint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
const say = (message: object): void => parentPort?.postMessage(message);
let at = 0;
let expected = 0;
let wrong = 0;
let reads = 0;

function readOn(): void {
  const next = reader.read(at, 200_000, (record) => {
    const packet = crashPacket(expected);
    const same = Buffer.compare(record.payload, packet.payload) === 0 && record.topic === packet.topic;
    if (!same || record.offset !== expected) wrong += 1;
    expected += 1;
  });
  if (next !== at) reads += 1;
  at = next;
  say({ read: at });
  if (at < records) setTimeout(readOn, 1);
  else void reader.close().then(() => say({ wrong, reads }));
}
readOn();
