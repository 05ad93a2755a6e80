import { deliveredPerS, interleaved, medianOf, ratioTo } from '../harness/broker.ts';
import { publish } from '../harness/mqtt-load.ts';
import { everyBroker } from '../harness/peers.ts';
import type { Scenario } from '../harness/scenario.ts';

const MESSAGES = 250_000;

export const scenario: Scenario = {
  name: 'mqtt-fanout',
  description:
    'the load of mqtt-ingest with one QoS 1 subscriber on every topic; counts what it receives; ours is durable',
  async run(context) {
    const load = { messages: context.scaled(MESSAGES), qos: 1, subscribers: 1 } as const;
    const rounds = await interleaved(
      context,
      everyBroker(context),
      async ({ target }, folder) => await publish(folder, target, load),
    );
    return [
      {
        what: 'ratio to Mosquitto',
        value: ratioTo(rounds, 'Mosquitto', deliveredPerS),
        unit: '×',
        asked: { atLeast: 4 },
        note: `median of ${context.rounds} interleaved`,
      },
      ...[...rounds.keys()].flatMap((name) => [
        { what: `${name}: delivered`, value: medianOf(rounds, name, deliveredPerS), unit: 'msg/s' },
        {
          what: `${name}: not delivered`,
          value: medianOf(rounds, name, ({ sent, received }) => 100 * (1 - received / sent)),
          unit: '%',
        },
      ]),
      {
        what: 'Sensorium: into history',
        value: medianOf(rounds, 'Sensorium', ({ acknowledged, settledInS }) => acknowledged / settledInS),
        unit: 'msg/s',
        note: 'first sent to last queryable',
      },
    ];
  },
};
