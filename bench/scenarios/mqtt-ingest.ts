import { acknowledgedPerS, interleaved, medianOf, type Round, ratioTo } from '../harness/broker.ts';
import { publish } from '../harness/mqtt-load.ts';
import { oursAndMosquitto } from '../harness/peers.ts';
import { READINGS_PER_MESSAGE } from '../harness/platform.ts';
import type { Scenario } from '../harness/scenario.ts';

const MESSAGES = 500_000;
const queryablePerS = ({ acknowledged, settledInS }: Round): number => acknowledged / settledInS;

export const scenario: Scenario = {
  name: 'mqtt-ingest',
  description:
    'durable QoS 1, 50 publishers with 20 in flight, 128 bytes, no subscriber; Mosquitto keeps nothing',
  async run(context) {
    const load = { messages: context.scaled(MESSAGES), qos: 1 } as const;
    const rounds = await interleaved(
      context,
      oursAndMosquitto,
      async ({ target }, folder) => await publish(folder, target, load),
    );
    const own = (pick: (round: Round) => number): number => medianOf(rounds, 'Sensorium', pick);
    return [
      {
        what: 'acknowledged, on disk',
        value: own(acknowledgedPerS),
        unit: 'msg/s',
        asked: { atLeast: 100_000 },
      },
      {
        what: 'acknowledged by Mosquitto',
        value: medianOf(rounds, 'Mosquitto', acknowledgedPerS),
        unit: 'msg/s',
      },
      {
        what: 'ratio',
        value: ratioTo(rounds, 'Mosquitto', acknowledgedPerS),
        unit: '×',
        asked: { atLeast: 1 },
        note: `median of ${context.rounds} interleaved`,
      },
      {
        what: 'into history',
        value: own(queryablePerS),
        unit: 'msg/s',
        asked: { atLeast: 40_000 },
        note: 'first sent to last queryable',
      },
      {
        what: 'into history',
        value: own((round) => READINGS_PER_MESSAGE * queryablePerS(round)),
        unit: 'readings/s',
      },
      {
        what: 'server time',
        value: own(({ cpuUs }) => cpuUs),
        unit: 'µs/msg',
        note: 'all threads, to history',
      },
      { what: 'peak memory', value: own(({ peakRssMiB }) => peakRssMiB), unit: 'MiB' },
    ];
  },
};
