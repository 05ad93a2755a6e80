/** What the scenarios drive, whoever made it, and what a run of load cost it. */
import { usageOf } from './processes.ts';
import type { BenchContext, Measurement } from './scenario.ts';
import { median } from './statistics.ts';

export type BrokerName = 'Sensorium' | 'Mosquitto' | 'aedes';

const PUBLISHERS = 50;
/** The users that publish, on `v1/{name}/…`. */
export const deviceNames: readonly string[] = Array.from({ length: PUBLISHERS }, (_, index) => `dev${index}`);

export interface Target {
  readonly port: number;
  /** Passwords of the users dev0 … dev49. */
  readonly passwords: readonly string[];
  /** May subscribe to everything. */
  readonly subscriber: { readonly user: string; readonly password: string };
}

export interface Broker extends AsyncDisposable {
  readonly name: BrokerName;
  readonly pid: number;
  readonly target: Target;
  /** Resolves when the work behind the acknowledgements is done, too; throws when something is missing. */
  settled(load: LoadResult): Promise<void>;
}

export type StartBroker = (folder: string) => Promise<Broker>;

export interface LoadResult {
  readonly sent: number;
  readonly acknowledged: number;
  readonly received: number;
  readonly acknowledgedInS: number;
  /** Until the last subscriber had the last message too. */
  readonly drainedInS: number;
  /** Send to receive, for paced runs. */
  readonly latencyUs?: { readonly p50: number; readonly p99: number } | undefined;
}

export interface Round extends LoadResult {
  /** First message sent to all work done. */
  readonly settledInS: number;
  /** Time of all the broker's threads per message sent, until all work is done. */
  readonly cpuUs: number;
  /** The same of its first thread alone: of ours, the one that speaks MQTT. */
  readonly mainThreadUs: number;
  readonly peakRssMiB: number;
}

export async function measured(broker: Broker, drive: () => Promise<LoadResult>): Promise<Round> {
  const before = usageOf(broker.pid);
  const load = await drive();
  const ended = performance.now();
  await broker.settled(load);
  const lagS = (performance.now() - ended) / 1000;
  const after = usageOf(broker.pid);
  return {
    ...load,
    settledInS: load.drainedInS + lagS,
    cpuUs: ((after.cpuS - before.cpuS) * 1e6) / load.sent,
    mainThreadUs: ((after.mainThreadCpuS - before.mainThreadCpuS) * 1e6) / load.sent,
    peakRssMiB: after.peakRssMiB,
  };
}

export type Rounds = ReadonlyMap<BrokerName, readonly Round[]>;

type Drive = (broker: Broker, folder: string) => Promise<LoadResult>;

/** Rounds of all brokers in turn, each on a fresh one (that `warm` may warm up), so that all meet the same machine. */
export async function interleaved(
  context: BenchContext,
  starts: readonly StartBroker[],
  drive: Drive,
  warm?: Drive,
): Promise<Rounds> {
  const rounds = new Map<BrokerName, Round[]>();
  for (let number = 1; number <= context.rounds; number += 1) {
    for (const [index, start] of starts.entries()) {
      const folder = context.folder(`round-${number}-${index}`);
      await using broker = await start(folder);
      if (warm !== undefined) await broker.settled(await warm(broker, folder));
      const round = await measured(broker, async () => await drive(broker, folder));
      rounds.set(broker.name, [...(rounds.get(broker.name) ?? []), round]);
      context.say(`round ${number}: ${broker.name} ${summary(round)}`);
    }
  }
  return rounds;
}

function summary(round: Round): string {
  return [
    ...(round.acknowledged > 0 ? [`${Math.round(acknowledgedPerS(round))} acknowledged/s`] : []),
    ...(round.received > 0
      ? [`${Math.round(deliveredPerS(round))} delivered/s (${round.received} for ${round.sent} sent)`]
      : []),
    ...(round.latencyUs ? [`p99 ${round.latencyUs.p99} µs`] : []),
    `${round.cpuUs.toFixed(1)} µs/msg, main thread ${round.mainThreadUs.toFixed(1)}`,
  ].join(', ');
}

export const acknowledgedPerS = (load: LoadResult): number => load.acknowledged / load.acknowledgedInS;
export const deliveredPerS = (load: LoadResult): number => load.received / load.drainedInS;

export function medianOf(rounds: Rounds, name: BrokerName, pick: (round: Round) => number): number {
  return median((rounds.get(name) ?? []).map(pick));
}

/** Ours by theirs, each pair of one round; the median of the pairs. */
export function ratioTo(rounds: Rounds, peer: BrokerName, pick: (round: Round) => number): number {
  const own = rounds.get('Sensorium') ?? [];
  const theirs = (rounds.get(peer) ?? []).map(pick);
  return median(own.map((round, index) => pick(round) / (theirs[index] ?? Number.NaN)));
}

/** Deliveries by Mosquitto's in the same round, and each broker's own. */
export function deliveries(context: BenchContext, rounds: Rounds, atLeast: number): readonly Measurement[] {
  const ratio: Measurement = {
    what: 'ratio to Mosquitto',
    value: ratioTo(rounds, 'Mosquitto', deliveredPerS),
    unit: '×',
    asked: { atLeast },
    note: `median of ${context.rounds} interleaved`,
  };
  const own = [...rounds.keys()].flatMap((name) => [
    { what: `${name}: delivered`, value: medianOf(rounds, name, deliveredPerS), unit: 'msg/s' },
    {
      what: `${name}: not delivered`,
      value: medianOf(rounds, name, ({ sent, received }) => 100 * (1 - received / sent)),
      unit: '%',
    },
  ]);
  return [ratio, ...own];
}
