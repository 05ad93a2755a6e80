import { acknowledgedPerS, type Broker, measured, type Round } from '../harness/broker.ts';
import { publish } from '../harness/mqtt-load.ts';
import { oursAndMosquitto } from '../harness/peers.ts';
import { quietClient } from '../harness/quiet-client.ts';
import type { BenchContext, Measurement, Scenario } from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';

const MESSAGES = 200_000;
/** A difference of 5% is looked for where two equal runs differ by more: only many pairs show it. */
const PAIRS_PER_ROUND = 2;
const SLOWDOWN_MAX_PERCENT = 5;

export const scenario: Scenario = {
  name: 'mqtt-frozen',
  description:
    'QoS 1 from 50 publishers to one subscriber, with and without a second one on every topic that never reads',
  async run(context) {
    const rows: Measurement[] = [];
    for (const start of oursAndMosquitto) {
      const folder = context.folder('broker');
      await using broker = await start(folder);
      rows.push(...(await compare(context, broker, folder)));
    }
    return rows;
  },
};

/** Pairs on one broker, the order within a pair changing, so that neither side always runs on the warmer one. */
async function compare(
  context: BenchContext,
  broker: Broker,
  folder: string,
): Promise<readonly Measurement[]> {
  const load = { messages: context.scaled(MESSAGES), qos: 1, subscribers: 1 } as const;
  const run = async (): Promise<Round> =>
    await measured(broker, async () => await publish(folder, broker.target, load));
  const withFrozen = async (): Promise<Round> => {
    const { user, password } = broker.target.subscriber;
    const { port } = broker.target;
    const frozen = await quietClient({ port, clientId: 'frozen', username: user, password, filter: '#' });
    const round = await run();
    frozen.destroy();
    return round;
  };
  await run();
  const alone: number[] = [];
  const beside: number[] = [];
  for (let pair = 0; pair < context.rounds * PAIRS_PER_ROUND; pair += 1) {
    const sides = [
      async () => void alone.push(acknowledgedPerS(await run())),
      async () => void beside.push(acknowledgedPerS(await withFrozen())),
    ];
    for (const side of pair % 2 === 0 ? sides : sides.toReversed()) await side();
    context.say(
      `${broker.name}: ${Math.round(alone.at(-1) ?? 0)} alone, ${Math.round(beside.at(-1) ?? 0)} beside a frozen one`,
    );
  }
  return [
    { what: `${broker.name}: alone`, value: median(alone), unit: 'msg/s' },
    { what: `${broker.name}: beside a frozen subscriber`, value: median(beside), unit: 'msg/s' },
    {
      what: `${broker.name}: slower by`,
      value: Math.max(0, 100 * (1 - median(beside) / median(alone))),
      unit: '%',
      asked: broker.name === 'Sensorium' ? { atMost: SLOWDOWN_MAX_PERCENT } : undefined,
      note: `medians of ${alone.length} pairs`,
    },
  ];
}
