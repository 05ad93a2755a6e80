import { interleaved } from '../harness/ingest.ts';
import type { LoadResult } from '../harness/mqtt-load.ts';
import type { Scenario } from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';

const MESSAGES = 500_000;
const acknowledgedPerS = (load: LoadResult): number => load.acknowledged / load.acknowledgedInS;

export const scenario: Scenario = {
  name: 'mqtt-ingest',
  description:
    'durable QoS 1, 50 publishers with 20 in flight, 128 bytes, no subscriber; Mosquitto keeps nothing',
  async run(context) {
    const rounds = await interleaved(context, { messages: context.scaled(MESSAGES), subscribed: false });
    const each = (pick: (round: (typeof rounds)[number]) => number): number => median(rounds.map(pick));
    return [
      {
        what: 'acknowledged, on disk',
        value: each(({ own }) => acknowledgedPerS(own.load)),
        unit: 'msg/s',
        asked: { atLeast: 40_000 },
      },
      {
        what: 'acknowledged by Mosquitto',
        value: each(({ mosquitto }) => acknowledgedPerS(mosquitto)),
        unit: 'msg/s',
      },
      {
        what: 'ratio',
        value: each(({ own, mosquitto }) => acknowledgedPerS(own.load) / acknowledgedPerS(mosquitto)),
        unit: '×',
        asked: { atLeast: 1 },
        note: `median of ${rounds.length} interleaved`,
      },
      {
        what: 'into history',
        value: each(({ own }) => own.load.acknowledged / own.queryableInS),
        unit: 'msg/s',
        asked: { atLeast: 40_000 },
        note: 'first sent to last queryable',
      },
      { what: 'into history', value: each(({ own }) => own.readings / own.queryableInS), unit: 'readings/s' },
      {
        what: 'server time',
        value: each(({ own }) => own.cpuUs),
        unit: 'µs/msg',
        note: 'all threads, to history',
      },
      { what: 'peak memory', value: each(({ own }) => own.peakRssMiB), unit: 'MiB' },
    ];
  },
};
