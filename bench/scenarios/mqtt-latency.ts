import { interleaved, medianOf, ratioTo } from '../harness/broker.ts';
import { publish } from '../harness/mqtt-load.ts';
import { oursAndMosquitto } from '../harness/peers.ts';
import type { BenchContext, Measurement, Scenario } from '../harness/scenario.ts';

const RATE = 10_000;
const MESSAGES = 30_000;
/** Sent before anybody measures: a server that was just started compiles what it runs. */
const WARM_UP_MESSAGES = 20_000;
const P99_MAX_MS = { 0: 1.5, 1: 5 } as const;

export const scenario: Scenario = {
  name: 'mqtt-latency',
  description:
    '10,000 messages/s, publisher to subscriber; QoS 1 delivery need not wait for the disk, the acknowledgement must',
  async run(context) {
    return [...(await paced(context, 0)), ...(await paced(context, 1))];
  },
};

async function paced(context: BenchContext, qos: 0 | 1): Promise<readonly Measurement[]> {
  const load = { messages: context.scaled(MESSAGES), rate: RATE, qos, subscribers: 1 } as const;
  const warmUp = { ...load, messages: context.scaled(WARM_UP_MESSAGES) };
  const rounds = await interleaved(
    context,
    oursAndMosquitto,
    async ({ target }, folder) => await publish(folder, target, load),
    async ({ target }, folder) => await publish(folder, target, warmUp),
  );
  const latencies = [...rounds.keys()].flatMap((name) =>
    (['p50', 'p99'] as const).map((share) => ({
      what: `QoS ${qos}, ${name} ${share}`,
      value: medianOf(rounds, name, ({ latencyUs }) => (latencyUs?.[share] ?? Number.NaN) / 1000),
      unit: 'ms',
      asked: name === 'Sensorium' && share === 'p99' ? { atMost: P99_MAX_MS[qos] } : undefined,
      note: `median of ${context.rounds}, warmed up`,
    })),
  );
  const times = [...rounds.keys()].map((name) => ({
    what: `QoS ${qos}, ${name} time`,
    value: medianOf(rounds, name, ({ cpuUs }) => cpuUs),
    unit: 'µs/msg',
    note: name === 'Sensorium' ? 'all threads, to history' : undefined,
  }));
  const mqttThread = {
    what: `QoS ${qos}, Sensorium's MQTT thread`,
    value: medianOf(rounds, 'Sensorium', ({ mainThreadUs }) => mainThreadUs),
    unit: 'µs/msg',
    note: 'without log commits and history',
  };
  return [
    ...latencies,
    ...times,
    mqttThread,
    {
      what: `QoS ${qos}, time against Mosquitto`,
      value: ratioTo(rounds, 'Mosquitto', ({ cpuUs }) => cpuUs),
      unit: '×',
      asked: { atMost: 1.3 },
    },
  ];
}
