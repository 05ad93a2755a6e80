import { join } from 'node:path';
import { OfflineQueues } from '../../test/support/torture/offline-queues.ts';
import { KilledServer } from '../../test/support/torture/victims.ts';
import { pidOf } from '../harness/fleet.ts';
import { usageOf } from '../harness/processes.ts';
import type { Scenario } from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';

const QUEUES = 10;
const MESSAGES = 100_000;
const KILLS = 5;

export const scenario: Scenario = {
  name: 'mqtt-recovery',
  description:
    '10 kept sessions with 100,000 messages each waiting; kill -9; process start to the first PUBACK',
  async run(context) {
    // The last few are those that are acknowledged after each kill: the queues hold 100,000 at most.
    const messages = context.scaled(MESSAGES) - KILLS;
    await using victim = new KilledServer(join(context.folder('server'), 'data'));
    const port = await victim.start();
    const queues = await OfflineQueues.open(victim, port, QUEUES);
    await queues.fill(port, messages);
    await victim.kill();
    const firstAckMs: number[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      const begun = performance.now();
      await queues.fill(await victim.start(), 1);
      firstAckMs.push(performance.now() - begun);
      if (kill < KILLS - 1) await victim.kill();
    }
    const { rssMiB } = usageOf(pidOf(victim.server));
    await queues.take(victim.server.mqttPort);
    const { faults, deliveries } = queues.ledger;
    if (faults.length > 0) throw new Error(`the queues are not whole:\n${faults.join('\n')}`);
    await victim.server.stop();
    return [
      { what: 'messages waiting', value: QUEUES * (messages + KILLS), unit: '' },
      {
        what: 'kill to first PUBACK',
        value: median(firstAckMs),
        unit: 'ms',
        asked: { atMost: 1_000 },
        note: `median of ${KILLS}, from process start; worst ${Math.round(Math.max(...firstAckMs))} ms`,
      },
      { what: 'memory after recovery', value: rssMiB, unit: 'MiB' },
      { what: 'delivered in the end', value: deliveries, unit: '', note: 'each queue whole and in order' },
    ];
  },
};
