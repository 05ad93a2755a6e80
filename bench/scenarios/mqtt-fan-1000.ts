import { deliveredPerS, interleaved, medianOf, ratioTo } from '../harness/broker.ts';
import { publish } from '../harness/mqtt-load.ts';
import { everyBroker } from '../harness/peers.ts';
import type { BenchContext, Measurement, Scenario } from '../harness/scenario.ts';

const SUBSCRIBERS = 1_000;
const MESSAGES = 500;

export const scenario: Scenario = {
  name: 'mqtt-fan-1000',
  description: 'one publisher, 1,000 subscribers on its topic, 128 bytes; counts deliveries',
  async run(context) {
    return [...(await fan(context, 0)), ...(await fan(context, 1))];
  },
};

async function fan(context: BenchContext, qos: 0 | 1): Promise<readonly Measurement[]> {
  const load = { messages: context.scaled(MESSAGES), qos, publishers: 1, subscribers: SUBSCRIBERS } as const;
  const rounds = await interleaved(
    context,
    everyBroker(context),
    async ({ target }, folder) => await publish(folder, target, load),
  );
  return [
    {
      what: `QoS ${qos}, ratio to Mosquitto`,
      value: ratioTo(rounds, 'Mosquitto', deliveredPerS),
      unit: '×',
      asked: { atLeast: 1 },
      note: `median of ${context.rounds} interleaved`,
    },
    ...[...rounds.keys()].flatMap((name) => [
      { what: `QoS ${qos}, ${name}`, value: medianOf(rounds, name, deliveredPerS), unit: 'deliveries/s' },
      {
        what: `QoS ${qos}, ${name}: not delivered`,
        value: medianOf(rounds, name, ({ sent, received }) => 100 * (1 - received / (sent * SUBSCRIBERS))),
        unit: '%',
      },
    ]),
  ];
}
