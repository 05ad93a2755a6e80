import { until } from '../../test/support/server.ts';
import { deviceNames, type LoadResult, measured } from '../harness/broker.ts';
import { INSPECTED } from '../harness/inspector.ts';
import { growth, type MemoryLog, watchMemory } from '../harness/memory-watch.ts';
import { drive } from '../harness/mqtt-drive.ts';
import { Platform } from '../harness/platform.ts';
import { askBeside, type QueryTimes } from '../harness/queries-beside.ts';
import type { BenchContext, Measurement, Scenario } from '../harness/scenario.ts';
import { median, percentile } from '../harness/statistics.ts';

/** Or as SOAK_MINUTES says. */
const MINUTES = 10;
const QUICK_MINUTES = 1;
/** What is left out of the run: the change from full speed to half of it. */
const WARM_UP_SHARE = 0.1;
/**
 * Sent at full speed before the run: the store has filled its cache of 512 MiB (after 30 million), the log its disk
 * budget, the engine has compiled. In bursts, since a run of the generator has an end.
 */
const BURSTS = 24;
const BURST_MESSAGES = 1_500_000;
/** Small enough to be full, and trimmed all the time, when the run begins. */
const LOG_MAX = '512MiB';
const ROUND_TO = 1_000;
const SAMPLES_PER_MINUTE = 12;
const HEAPS_EVERY = 3;
const GROWTH_MAX = { atMost: 1 };
const LEDGER_TIMEOUT_MS = 30_000;

interface LedgerAnswer {
  readonly addsUp: boolean;
  readonly beyond: number;
  readonly total: {
    readonly received: number;
    readonly stored: number;
    readonly dropped: number;
    readonly pending: number;
    readonly missing: number;
  };
}

export const scenario: Scenario = {
  name: 'data-soak',
  description:
    'ten minutes (SOAK_MINUTES) at half of the ceiling with queries beside: growth of memory, and the ledger at the end',
  async run(context) {
    const minutes = Number(process.env['SOAK_MINUTES'] ?? (context.quick ? QUICK_MINUTES : MINUTES));
    if (!(minutes > 0)) throw new RangeError(`SOAK_MINUTES is ${minutes}`);
    const folder = context.folder('soak');
    await using platform = await Platform.start(folder, { ...INSPECTED, SENSORIUM_LOG_MAX_BYTES: LOG_MAX });
    const ceiling = await warmUp(context, platform, folder);
    const rate = Math.max(ROUND_TO, Math.floor(ceiling / 2 / ROUND_TO) * ROUND_TO);
    const messages = Math.round(rate * minutes * 60);
    context.say(`ceiling ${Math.round(ceiling)} msg/s; ${rate} msg/s for ${minutes} min`);
    const soaked = await soak(context, platform, { folder, messages, rate });
    const ledger = await addedUp(platform);
    return [
      { what: 'load', value: soaked.load.acknowledged / soaked.load.acknowledgedInS, unit: 'msg/s' },
      ...memoryRows(soaked.memory, WARM_UP_SHARE * minutes * 60),
      ...queryRows(soaked.queries),
      { what: 'messages, all stored', value: ledger.total.stored, unit: '', note: 'the ledger adds up' },
    ];
  },
};

/** Of the bursts: what the machine takes while whatever else runs on it runs. */
async function warmUp(context: BenchContext, platform: Platform, folder: string): Promise<number> {
  const found: number[] = [];
  for (let burst = 1; burst <= BURSTS; burst += 1) {
    const messages = context.scaled(BURST_MESSAGES);
    const round = await measured(
      platform,
      async () => await drive(folder, platform.target, { messages, ...DRIVEN }),
    );
    found.push(round.acknowledged / round.settledInS);
  }
  return median(found);
}

/** Without times of their own, so that they get the server's: a soak whose hour never ends would measure that. */
const DRIVEN = { qos: 1, topic: 'v1/dev%d/telemetry' } as const;

interface Soaked {
  readonly load: LoadResult;
  readonly memory: MemoryLog;
  readonly queries: QueryTimes;
}

async function soak(
  context: BenchContext,
  platform: Platform,
  { folder, messages, rate }: { readonly folder: string; readonly messages: number; readonly rate: number },
): Promise<Soaked> {
  // A machine that has become busier carries less; the time stays.
  const load = { messages, rate, stopAfterS: messages / rate, ...DRIVEN };
  const found: { load?: LoadResult; queries?: QueryTimes } = {};
  const pace = {
    everyMs: 60_000 / SAMPLES_PER_MINUTE,
    heapsEvery: context.quick ? 1 : HEAPS_EVERY,
    say: (text: string) => context.say(text),
  };
  const memory = await watchMemory(platform, pace, async () => {
    const { result, times } = await askBeside(
      platform.server,
      deviceNames,
      async () => await drive(folder, platform.target, load),
    );
    found.load = result;
    found.queries = times;
  });
  if (found.load === undefined || found.queries === undefined) throw new Error('the load has no result');
  await platform.settled(found.load);
  return { load: found.load, memory, queries: found.queries };
}

/** Tallies of what came in are written now and then: waits for the last. Throws when a message is missing. */
async function addedUp({ server }: Platform): Promise<LedgerAnswer> {
  const answers: LedgerAnswer[] = [];
  const probe = async (): Promise<LedgerAnswer | undefined> => {
    const answer = await server.get<LedgerAnswer>('/api/v1/ledger');
    answers.push(answer);
    const { addsUp, beyond, total } = answer;
    const isWhole = addsUp && beyond === 0 && total.pending === 0 && total.dropped === 0;
    return isWhole && total.received === total.stored ? answer : undefined;
  };
  return await until('the ledger to add up', probe, LEDGER_TIMEOUT_MS).catch((cause: unknown) => {
    throw new Error(`the ledger does not add up: ${JSON.stringify(answers.at(-1)?.total)}`, { cause });
  });
}

function memoryRows({ process: samples, heaps }: MemoryLog, from: number): readonly Measurement[] {
  return [
    ...growth({
      what: 'resident, without mapped files',
      samples,
      pick: ({ anonymousMiB }) => anonymousMiB,
      from,
      asked: GROWTH_MAX,
    }),
    ...growth({ what: 'resident, all', samples, pick: ({ rssMiB }) => rssMiB, from, asked: GROWTH_MAX }),
    ...growth({
      what: 'JavaScript heaps after a collection',
      samples: heaps,
      pick: ({ heapMiB }) => heapMiB,
      from,
      asked: GROWTH_MAX,
    }),
    ...growth({
      what: 'what they hold outside',
      samples: heaps,
      pick: ({ externalMiB }) => externalMiB,
      from,
      asked: GROWTH_MAX,
    }),
  ];
}

function queryRows(times: QueryTimes): readonly Measurement[] {
  return [...times].flatMap(([what, samples]) => [
    { what, value: percentile(samples, 0.5), unit: 'ms', note: `p50 of ${samples.length}, beside the load` },
    { what, value: percentile(samples, 0.99), unit: 'ms', note: 'p99' },
  ]);
}
