import { deliveredPerS, interleaved, medianOf, ratioTo } from '../harness/broker.ts';
import { drive } from '../harness/mqtt-drive.ts';
import { oursAndMosquitto } from '../harness/peers.ts';
import type { BenchContext, Measurement, Scenario } from '../harness/scenario.ts';

const MESSAGES = 100_000;

export const scenario: Scenario = {
  name: 'mqtt-kept',
  description:
    'QoS 1 and QoS 2 end to end, 50 publishers to one subscriber whose session is kept; ours survives a power cut',
  async run(context) {
    return [...(await kept(context, 1)), ...(await kept(context, 2))];
  },
};

async function kept(context: BenchContext, qos: 1 | 2): Promise<readonly Measurement[]> {
  const messages = context.scaled(MESSAGES);
  const rounds = await interleaved(context, oursAndMosquitto, async ({ name, target }, folder) => {
    const topics = { topic: 'v1/dev%d/telemetry', filter: 'v1/+/telemetry' };
    const load = await drive(folder, target, { ...topics, messages, qos, subscribers: 1, isKept: true });
    if (load.received !== load.sent)
      throw new Error(`${name}, QoS ${qos}: ${load.received} of ${load.sent} messages delivered`);
    return load;
  });
  return [
    ...[...rounds.keys()].flatMap((name) => [
      { what: `QoS ${qos}, ${name}`, value: medianOf(rounds, name, deliveredPerS), unit: 'msg/s' },
      {
        what: `QoS ${qos}, ${name} time`,
        value: medianOf(rounds, name, ({ cpuUs }) => cpuUs),
        unit: 'µs/msg',
      },
    ]),
    {
      what: `QoS ${qos}, ratio to Mosquitto`,
      value: ratioTo(rounds, 'Mosquitto', deliveredPerS),
      unit: '×',
      note: `median of ${context.rounds} interleaved`,
    },
  ];
}
