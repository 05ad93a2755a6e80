import { BATCH, spinOurs, startOurs } from '../harness/pools.ts';
import { usageOf } from '../harness/processes.ts';
import type { Measurement, Scenario } from '../harness/scenario.ts';
import { turnsPerUs } from '../harness/spin.ts';
import { median } from '../harness/statistics.ts';

const THREADS = [1, 2, 3, 4] as const;
const SHORT_TASKS = 512 * BATCH;
const LONG_TASKS = 200;
const LONG_US = 10_000;
const LONG_BATCH = 20;

interface Figures {
  readonly startMs: number[];
  readonly memoryMiB: number[];
  readonly shortPerS: number[];
  readonly longPerS: number[];
}

/** What a number of threads costs and brings: the ground of ADR 013. */
export const scenario: Scenario = {
  name: 'scheduler-threads',
  description:
    'the scheduler with 1 to 4 threads in turn: start, memory, 1 µs tasks and 10 ms tasks; no goals',
  async run(context) {
    const perUs = turnsPerUs();
    const short = { turns: Math.round(perUs), tasks: context.scaled(SHORT_TASKS), batch: BATCH };
    const long = { turns: Math.round(perUs * LONG_US), tasks: context.scaled(LONG_TASKS), batch: LONG_BATCH };
    const figures = new Map<number, Figures>(
      THREADS.map((threads) => [threads, { startMs: [], memoryMiB: [], shortPerS: [], longPerS: [] }]),
    );
    for (let round = 0; round < context.rounds; round += 1) {
      for (const [threads, figure] of figures) {
        const before = usageOf(process.pid).rssMiB;
        const begun = performance.now();
        await using scheduler = await startOurs({ threads });
        figure.startMs.push(performance.now() - begun);
        figure.memoryMiB.push(usageOf(process.pid).rssMiB - before);
        await spinOurs(scheduler, short);
        figure.shortPerS.push((short.tasks * 1_000) / (await spinOurs(scheduler, short)));
        figure.longPerS.push((long.tasks * 1_000) / (await spinOurs(scheduler, long)));
      }
    }
    return [...figures].flatMap(
      ([threads, { startMs, memoryMiB, shortPerS, longPerS }]): readonly Measurement[] => [
        { what: `${threads} threads: start`, value: median(startMs), unit: 'ms' },
        {
          what: `${threads} threads: memory`,
          value: median(memoryMiB),
          unit: 'MiB',
          note: 'resident, after the start',
        },
        { what: `${threads} threads: 1 µs tasks`, value: median(shortPerS), unit: 'tasks/s' },
        { what: `${threads} threads: 10 ms tasks`, value: median(longPerS), unit: 'tasks/s' },
      ],
    );
  },
};
