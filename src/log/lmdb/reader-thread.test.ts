import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { crashPacket } from './crash.packet.ts';
import { openTemporaryLog, until } from './lmdb-log.fixture.ts';

const RECORDS = 60_000;

type Message = { readonly read: number } | { readonly wrong: number; readonly reads: number };

it('is read in order on another thread while the writer goes on and trims', async () => {
  const under = await openTemporaryLog({ maxBytes: 8 * 1_048_576 });
  const { log, path } = under;
  const worker = new Worker(new URL('./reader-thread.worker.ts', import.meta.url), {
    workerData: { path, records: RECORDS },
  });
  let result: Exclude<Message, { readonly read: number }> | undefined;
  let listening = false;
  worker.on('message', (message: Message) => {
    listening = true;
    if ('read' in message) log.hold('worker', message.read);
    else result = message;
  });
  log.hold('worker', 0);
  await until(() => listening);
  while (log.next < RECORDS) {
    for (let i = 0; i < 250 && log.next < RECORDS; i += 1) log.append(crashPacket(log.next));
    await log.committed(log.next - 1);
  }
  await until(() => result !== undefined);
  expect(result?.wrong).toBe(0);
  expect(result?.reads).toBeGreaterThan(3);
  expect(log.first).toBeGreaterThan(0);
  await worker.terminate();
  await under.dispose();
});
