import { measured } from '../harness/broker.ts';
import { publish } from '../harness/mqtt-load.ts';
import { Platform } from '../harness/platform.ts';
import type { BenchContext, Scenario } from '../harness/scenario.ts';
import { Stack } from '../harness/stack.ts';
import { median } from '../harness/statistics.ts';

/** Each device sends fewer than 65,536: the generator's times repeat after that, and InfluxDB would overwrite. */
const MESSAGES = 300_000;
/** Processes that were just started compile what they run. */
const WARM_UP_MESSAGES = 50_000;

interface Outcome {
  /** First message sent to all queryable. */
  readonly perS: number;
  readonly lost: number;
  readonly cpuUs: number;
  readonly peakRssMiB: number;
}

export const scenario: Scenario = {
  name: 'data-stack',
  description:
    'QoS 1 into history, as fast as it is taken, beside Mosquitto + Node-RED + InfluxDB 1.x; only our side is durable from the acknowledgement on',
  async run(context) {
    const own: Outcome[] = [];
    const theirs: Outcome[] = [];
    for (let round = 1; round <= context.rounds; round += 1) {
      // The stack first: what it lacks is said before anything is measured.
      theirs.push(await driveStack(context, context.folder(`stack-${round}`)));
      own.push(await drivePlatform(context, context.folder(`platform-${round}`)));
      const [a, b] = [own.at(-1)?.perS ?? 0, theirs.at(-1)?.perS ?? 0];
      context.say(`round ${round}: ${Math.round(a)} msg/s, the stack ${Math.round(b)}`);
    }
    const rowsOf = (name: string, outcomes: readonly Outcome[]) => [
      { what: `${name}: into history`, value: median(outcomes.map(({ perS }) => perS)), unit: 'msg/s' },
      { what: `${name}: lost`, value: Math.max(...outcomes.map(({ lost }) => lost)), unit: 'msg' },
      { what: `${name}: time`, value: median(outcomes.map(({ cpuUs }) => cpuUs)), unit: 'µs/msg' },
      {
        what: `${name}: peak memory`,
        value: median(outcomes.map(({ peakRssMiB }) => peakRssMiB)),
        unit: 'MiB',
      },
    ];
    return [
      {
        what: 'ratio, into history',
        value: median(own.map(({ perS }, index) => perS / (theirs[index]?.perS ?? Number.NaN))),
        unit: '×',
        asked: { atLeast: 10 },
        note: `median of ${context.rounds} interleaved, first sent to last queryable`,
      },
      ...rowsOf('Sensorium', own),
      ...rowsOf('the stack', theirs),
    ];
  },
};

async function drivePlatform(context: BenchContext, folder: string): Promise<Outcome> {
  await using platform = await Platform.start(folder);
  await platform.settled(
    await publish(folder, platform.target, { messages: context.scaled(WARM_UP_MESSAGES), qos: 1 }),
  );
  const round = await measured(
    platform,
    async () => await publish(folder, platform.target, { messages: context.scaled(MESSAGES), qos: 1 }),
  );
  // A run that lost something has failed before it comes here.
  return { ...round, perS: round.acknowledged / round.settledInS, lost: 0 };
}

async function driveStack(context: BenchContext, folder: string): Promise<Outcome> {
  await using stack = await Stack.start(folder);
  const warmUp = await publish(folder, stack.target, {
    messages: context.scaled(WARM_UP_MESSAGES),
    qos: 1,
  });
  await stack.arrival(warmUp.sent);
  await stack.clear();
  const cpuS = stack.cpuS;
  const load = await publish(folder, stack.target, { messages: context.scaled(MESSAGES), qos: 1 });
  const ended = performance.now();
  const { points, at } = await stack.arrival(load.sent);
  return {
    perS: points / (load.drainedInS + Math.max(0, at - ended) / 1_000),
    lost: load.sent - points,
    cpuUs: ((stack.cpuS - cpuS) * 1e6) / load.sent,
    peakRssMiB: stack.peakRssMiB,
  };
}
