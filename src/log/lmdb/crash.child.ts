/** Appends as fast as it may, and writes each offset it was told is on disk to standard output, until it is killed. */
import { writeSync } from 'node:fs';
import { REFUSED } from '../../model/ports/log.ts';
import { crashPacket } from './crash.packet.ts';
import { optionsAt } from './lmdb-log.fixture.ts';
import { openLog } from './lmdb-log.ts';

const [path = ''] = process.argv.slice(2);
const log = await openLog(optionsAt(path));
log.listen({
  committed: (through) => void writeSync(1, `${through}\n`),
  failed: (_from, _through, error) => {
    throw error;
  },
  congestion: () => undefined,
});

const burst = (): void => {
  const size = 1 + (log.next % 97);
  for (let i = 0; i < size && !log.congested; i += 1) {
    if (log.append(crashPacket(log.next)) === REFUSED) throw new Error(log.refusal);
  }
  if (log.next % 3 === 0) setTimeout(burst, 1);
  else setImmediate(burst);
};
burst();
