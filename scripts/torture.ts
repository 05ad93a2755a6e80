/**
 * `npm run torture [-- --cycles N] [--power-cuts N] [--seed N]`: what `npm test` does with the server's life, for much
 * longer. Prints the seed; a run that found something exits 1.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { temporaryDirectory } from '../test/support/server.ts';
import type { Ledger } from '../test/support/torture/ledger.ts';
import { LoopDisk, noPowerCut } from '../test/support/torture/loop-disk.ts';
import { runTorture, seedOfRun } from '../test/support/torture/run.ts';
import { KilledServer, PoweredOffServer } from '../test/support/torture/victims.ts';

const { values } = parseArgs({
  options: {
    cycles: { type: 'string', default: '1000' },
    'power-cuts': { type: 'string', default: '200' },
    seed: { type: 'string', default: String(seedOfRun()) },
  },
});
const seed = Number(values.seed);

async function kills(cycles: number): Promise<Ledger> {
  using directory = temporaryDirectory();
  await using victim = new KilledServer(join(directory.path, 'data'));
  return await runTorture({ victim, cycles, seed });
}

async function powerCuts(cycles: number): Promise<Ledger> {
  using directory = temporaryDirectory();
  using disk = new LoopDisk(directory.path);
  await using victim = new PoweredOffServer(disk);
  return await runTorture({ victim, cycles, seed });
}

async function report(what: string, cycles: number, run: (cycles: number) => Promise<Ledger>): Promise<void> {
  if (cycles === 0) return;
  console.log(`── ${what}: ${cycles} cycles, seed ${seed}`);
  const { faults } = await run(cycles);
  for (const fault of faults) console.log(`  ${fault}`);
  if (faults.length > 0) process.exitCode = 1;
}

await report('kill -9', Number(values.cycles), kills);
if (noPowerCut === undefined) await report('power cut', Number(values['power-cuts']), powerCuts);
else console.log(`── power cut: left out, ${noPowerCut}`);
