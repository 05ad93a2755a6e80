import { seededRandom } from '../../../src/base/random.ts';
import { checkHistory } from './history-check.ts';
import type { Ledger } from './ledger.ts';
import { Torture } from './torture.ts';
import type { KilledServer } from './victims.ts';

/** Set to go through the decisions of an earlier run again. */
export const seedOfRun = (): number =>
  Number(process.env['TORTURE_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

interface RunOptions {
  readonly victim: KilledServer;
  readonly cycles: number;
  readonly seed: number;
}

/** The whole of it, with the look into history at the end; the ledger says what was wrong. */
export async function runTorture({ victim, cycles, seed }: RunOptions): Promise<Ledger> {
  const say = (text: string): void => console.log(text);
  const begun = performance.now();
  const torture = new Torture({ victim, cycles, random: seededRandom(seed), say });
  await torture.run();
  await checkHistory(victim.server, torture.publishers, torture.ledger);
  await victim.server.stop();
  const tookS = (performance.now() - begun) / 1_000;
  say(`seed ${seed}, ${cycles} cycles in ${tookS.toFixed(1)} s: ${torture.ledger.summary}`);
  return torture.ledger;
}
