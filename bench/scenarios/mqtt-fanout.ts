import { interleaved } from '../harness/ingest.ts';
import type { LoadResult } from '../harness/mqtt-load.ts';
import type { Scenario } from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';

const MESSAGES = 300_000;
const deliveredPerS = (load: LoadResult): number => load.received / load.drainedInS;

export const scenario: Scenario = {
  name: 'mqtt-fanout',
  description: 'the load of mqtt-ingest with one QoS 1 subscriber on every topic; counts what it receives',
  async run(context) {
    const rounds = await interleaved(context, { messages: context.scaled(MESSAGES), subscribed: true });
    const each = (pick: (round: (typeof rounds)[number]) => number): number => median(rounds.map(pick));
    return [
      { what: 'delivered', value: each(({ own }) => deliveredPerS(own.load)), unit: 'msg/s' },
      {
        what: 'delivered by Mosquitto',
        value: each(({ mosquitto }) => deliveredPerS(mosquitto)),
        unit: 'msg/s',
      },
      {
        what: 'ratio',
        value: each(({ own, mosquitto }) => deliveredPerS(own.load) / deliveredPerS(mosquitto)),
        unit: '×',
        asked: { atLeast: 1 },
        note: `median of ${rounds.length} interleaved`,
      },
      {
        what: 'not delivered',
        value: each(({ own }) => own.load.lossPercent),
        unit: '%',
        note: 'all is in history',
      },
      {
        what: 'not delivered by Mosquitto',
        value: each(({ mosquitto }) => mosquitto.lossPercent),
        unit: '%',
      },
      { what: 'into history', value: each(({ own }) => own.readings / own.queryableInS), unit: 'readings/s' },
    ];
  },
};
