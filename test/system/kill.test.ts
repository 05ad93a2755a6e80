/** The first promise: what was acknowledged is there after the process dies, and comes once where that was asked. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/server.ts';
import { OfflineQueues } from '../support/torture/offline-queues.ts';
import { runTorture, seedOfRun } from '../support/torture/run.ts';
import { KilledServer } from '../support/torture/victims.ts';

const KILLS = 50;
const QUEUES = 10;
const QUEUE_MESSAGES = 2_000;

describe('kill -9', () => {
  it(`at ${KILLS} random moments loses, doubles and reorders nothing`, async () => {
    using directory = temporaryDirectory();
    await using victim = new KilledServer(join(directory.path, 'data'));
    const ledger = await runTorture({ victim, cycles: KILLS, seed: seedOfRun() });
    expect(ledger.faults).toEqual([]);
    // Not a vacuous run; how much there is time for is the machine's and the seed's.
    expect(ledger.messages).toBeGreaterThan(KILLS * 10);
  }, 300_000);

  it('leaves the queues of clients that are away whole', async () => {
    using directory = temporaryDirectory();
    await using victim = new KilledServer(join(directory.path, 'data'));
    const port = await victim.start();
    const queues = await OfflineQueues.open(victim, port, QUEUES);
    await queues.fill(port, QUEUE_MESSAGES);
    await victim.kill();
    await queues.take(await victim.start());
    expect(queues.ledger.faults).toEqual([]);
    expect(queues.ledger.deliveries).toBe(QUEUES * QUEUE_MESSAGES);
  }, 60_000);
});
