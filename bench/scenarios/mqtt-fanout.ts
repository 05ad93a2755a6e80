import { deliveries, interleaved, medianOf } from '../harness/broker.ts';
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
      ...deliveries(context, rounds, 4),
      {
        what: 'Sensorium: into history',
        value: medianOf(rounds, 'Sensorium', ({ acknowledged, settledInS }) => acknowledged / settledInS),
        unit: 'msg/s',
        note: 'first sent to last queryable',
      },
    ];
  },
};
