import { waitsIn } from '../harness/fairness.ts';
import { startOurs } from '../harness/pools.ts';
import type { Measurement, Scenario } from '../harness/scenario.ts';
import { turnsPerUs } from '../harness/spin.ts';
import { percentile } from '../harness/statistics.ts';

const OTHERS = ['device-communication', 'security-check'] as const;
const SAMPLES = 400;
/** Batches that wait at any time, and the length of their tasks. */
const WAITING = 100;
const FLOODS = [
  { name: '1 µs', us: 1, batch: 256 },
  { name: '1 ms', us: 1_000, batch: 16 },
  { name: '10 ms', us: 10_000, batch: 2 },
] as const;
const THREADS = [1, 2, 4] as const;

export const scenario: Scenario = {
  name: 'scheduler-fairness',
  description:
    'short tasks of two kinds every 5 ms while the third kind saturates the workers, submission to outcome',
  async run(context) {
    const perUs = turnsPerUs();
    const rows: Measurement[] = [];
    for (const threads of THREADS) {
      for (const { name, us, batch } of FLOODS) {
        for (const kinds of threads === 2 ? [OTHERS, ['data-processing'] as const] : [OTHERS]) {
          await using scheduler = await startOurs({ threads });
          const flood = { turns: Math.round(us * perUs), batch, waiting: WAITING };
          const isOthers = kinds === OTHERS;
          // In one queue with the flood each sample waits for all of it: some are enough.
          const samples = Math.ceil(context.scaled(SAMPLES) / (isOthers ? 1 : 40));
          const { waits, floodPerS } = await waitsIn(scheduler, { ...flood, samples, kinds });
          rows.push({
            what: `p99 wait, ${isOthers ? 'other kinds' : 'the same kind'}, ${name} tasks saturate ${threads} threads`,
            value: percentile(waits, 0.99),
            unit: 'ms',
            asked: isOthers && threads === 2 ? { atMost: 50 } : undefined,
            note: `p50 ${percentile(waits, 0.5).toPrecision(2)} ms, meanwhile ${Math.round(floodPerS)} tasks/s`,
          });
          context.say(`${rows.at(-1)?.what}: ${rows.at(-1)?.value.toPrecision(3)} (${rows.at(-1)?.note})`);
        }
      }
    }
    return rows;
  },
};
