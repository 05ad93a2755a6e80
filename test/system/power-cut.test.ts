/** The same promises when the machine dies: what was not flushed is gone, what was acknowledged is not. */
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/server.ts';
import { LoopDisk, noPowerCut } from '../support/torture/loop-disk.ts';
import { runTorture, seedOfRun } from '../support/torture/run.ts';
import { PoweredOffServer } from '../support/torture/victims.ts';

const CUTS = 10;

describe('a power cut', () => {
  it(`at ${CUTS} random moments loses, doubles and reorders nothing`, async ({ skip }) => {
    if (noPowerCut !== undefined) skip(noPowerCut);
    using directory = temporaryDirectory();
    using disk = new LoopDisk(directory.path);
    await using victim = new PoweredOffServer(disk);
    const ledger = await runTorture({ victim, cycles: CUTS, seed: seedOfRun() });
    expect(ledger.faults).toEqual([]);
    // Not a vacuous run; how much there is time for is the machine's and the seed's.
    expect(ledger.messages).toBeGreaterThan(CUTS * 10);
  }, 180_000);
});
