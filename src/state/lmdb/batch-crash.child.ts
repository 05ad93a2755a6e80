/** Writes batches of pairs as fast as it may, and the number of each that resolved to standard output, until killed. */
import { writeSync } from 'node:fs';
import { silentLogger } from '../../base/logger.ts';
import { seededRandom } from '../../base/random.ts';
import { openStateStore } from './lmdb-state.ts';

const [path = '', seed = ''] = process.argv.slice(2);
const store = await openStateStore({ path, logger: silentLogger });
const random = seededRandom(Number(seed));
const left = store.table<number>('left');
const right = store.bytes('right');
const below = (limit: number): number => Math.floor(random.next() * limit);

for (let batch = (left.get('batch') ?? 0) + 1; ; batch += 1) {
  // Above a thousand writes lmdb starts its transaction while the rest is still handed over.
  const pairs = batch % 2 === 0 ? 1 + below(3_000) : 1 + below(40);
  const done = store.batch(() => {
    void left.put('batch', batch);
    for (let i = 0; i < pairs; i += 1) {
      const key = `k${below(3_000)}`;
      if (below(4) === 0) {
        void left.remove(key);
        void right.remove(key);
      } else {
        void left.put(key, batch);
        void right.put(key, Buffer.alloc(4 + below(300), `${batch};`));
      }
    }
  });
  const told = done.then(() => writeSync(1, `${batch}\n`));
  void right.put('alone', Buffer.from(`${batch}`));
  // The next is mostly handed over while lmdb is busy with this one: one transaction then takes in what it finds.
  if (batch % 5 === 0) await told;
  else await new Promise((resolve) => setTimeout(resolve, below(3)));
}
