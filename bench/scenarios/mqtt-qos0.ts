import { type BrokerName, deliveries, interleaved, medianOf } from '../harness/broker.ts';
import { publish } from '../harness/mqtt-load.ts';
import { everyBroker } from '../harness/peers.ts';
import type { Scenario } from '../harness/scenario.ts';

/** About as long a run for each, at the rates they reach. */
const MESSAGES: Readonly<Record<BrokerName, number>> = {
  Sensorium: 1_500_000,
  Mosquitto: 200_000,
  aedes: 100_000,
};

export const scenario: Scenario = {
  name: 'mqtt-qos0',
  description:
    'QoS 0 from 50 publishers, 128 bytes, to one subscriber on every topic; counts what it receives',
  async run(context) {
    const rounds = await interleaved(context, everyBroker(context), async ({ name, target }, folder) => {
      const messages = context.scaled(MESSAGES[name]);
      return await publish(folder, target, { messages, qos: 0, subscribers: 1 });
    });
    return [
      ...deliveries(context, rounds, 8),
      ...[...rounds.keys()].map((name) => ({
        what: `${name}: time`,
        value: medianOf(rounds, name, ({ cpuUs }) => cpuUs),
        unit: 'µs/msg sent',
      })),
    ];
  },
};
