import { BATCH, spinOurs, spinPiscina, startOurs, startPiscina, watchCores } from '../harness/pools.ts';
import type { Scenario } from '../harness/scenario.ts';
import { turnsPerUs } from '../harness/spin.ts';
import { median } from '../harness/statistics.ts';

const THREADS = 2;
/** Turns of each pool in one round: short ones, so that both meet the same neighbours. */
const TURNS = 8;
const SHORT_TASKS = 128 * BATCH;
/** A message each is slow; the rate is that of this many. */
const SHORT_TASKS_PISCINA = 16 * BATCH;
const LONG_TASKS = 40;
const LONG_US = 10_000;
/** Long tasks of one submission. */
const LONG_BATCH = 20;

export const scenario: Scenario = {
  name: 'scheduler',
  description:
    'tasks on 2 worker threads beside piscina: 1 µs tasks, 256 to a batch, each counted by itself, and 10 ms tasks',
  async run(context) {
    const perUs = turnsPerUs();
    await using ours = await startOurs({ threads: THREADS });
    await using piscina = await startPiscina(THREADS);
    const short = { turns: Math.round(perUs), tasks: SHORT_TASKS, batch: BATCH };
    const shortPiscina = { ...short, tasks: SHORT_TASKS_PISCINA };
    const long = { turns: Math.round(perUs * LONG_US), tasks: LONG_TASKS, batch: LONG_BATCH };
    const oursPerS: number[] = [];
    const piscinaPerS: number[] = [];
    const arraysPerS: number[] = [];
    const longRatios: number[] = [];
    const busyLong: number[] = [];
    await spinOurs(ours, { ...short, tasks: 8 * SHORT_TASKS });
    await spinPiscina(piscina, { ...shortPiscina, tasks: 4 * SHORT_TASKS_PISCINA });
    for (let turn = 0; turn < context.rounds * TURNS; turn += 1) {
      oursPerS.push((1_000 * short.tasks) / (await spinOurs(ours, short)));
      piscinaPerS.push((1_000 * shortPiscina.tasks) / (await spinPiscina(piscina, shortPiscina)));
      arraysPerS.push((1_000 * short.tasks) / (await spinPiscina(piscina, short, true)));
    }
    for (let turn = 0; turn < context.rounds * TURNS; turn += 1) {
      // In turn first and second: whoever is second meets a processor that is warm.
      const isFirst = turn % 2 === 0;
      const before = isFirst ? 0 : await spinPiscina(piscina, long);
      const watchLong = watchCores();
      const oursMs = await spinOurs(ours, long);
      busyLong.push(watchLong());
      longRatios.push((isFirst ? await spinPiscina(piscina, long) : before) / oursMs);
    }
    // The kernel counts in hundredths of a second: one long run, not many short ones.
    const watchShort = watchCores();
    await spinOurs(ours, { ...short, tasks: context.scaled(TURNS * context.rounds * SHORT_TASKS) });
    const busyShort = watchShort();
    const ratioTo = (theirs: readonly number[]): number =>
      median(oursPerS.map((rate, turn) => rate / (theirs[turn] ?? Number.NaN)));
    return [
      {
        what: '1 µs tasks',
        value: median(oursPerS),
        unit: 'tasks/s',
        note: 'each with a slot, a state and a result of its own',
      },
      { what: '1 µs tasks, piscina', value: median(piscinaPerS), unit: 'tasks/s', note: 'a message each' },
      {
        what: 'ratio',
        value: ratioTo(piscinaPerS),
        unit: '×',
        asked: { atLeast: 20 },
        note: `median of ${oursPerS.length} interleaved`,
      },
      {
        what: 'ratio where piscina gets 256 as one array',
        value: ratioTo(arraysPerS),
        unit: '×',
        note: 'no state, no failure, no stealing per task there',
      },
      {
        what: 'ratio at 10 ms tasks',
        value: median(longRatios),
        unit: '×',
        asked: { atLeast: 1 },
        note: `median of ${longRatios.length} interleaved`,
      },
      {
        what: 'cores busy, 10 ms tasks',
        value: median(busyLong),
        unit: '%',
        asked: { atLeast: 90 },
        note: 'of the time neighbours left',
      },
      {
        what: 'cores busy, 1 µs tasks',
        value: busyShort,
        unit: '%',
        asked: { atLeast: 90 },
        note: 'submitting thread included',
      },
    ];
  },
};
