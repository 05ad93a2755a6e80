import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { packetOf } from '../log.case.ts';
import { openTemporaryLog, until } from './lmdb-log.fixture.ts';

it('reads no further than its snapshot, whatever is committed meanwhile, and then what is new', async () => {
  const under = await openTemporaryLog();
  const { log, path } = under;
  await log.committed(log.append(packetOf()));
  const signal = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./snapshot.worker.ts', import.meta.url), {
    workerData: { path, signal },
  });
  const answer = once(worker, 'message');
  await until(() => Atomics.load(signal, 0) === 1);
  await log.committed(log.append(packetOf()));
  Atomics.store(signal, 0, 2);
  Atomics.notify(signal, 0);
  expect((await answer)[0]).toEqual({ first: 1, next: 2 });
  await once(worker, 'exit');
  await under.dispose();
});
