import { mosquittoRound, ownRound } from '../harness/ingest.ts';
import type { LoadResult } from '../harness/mqtt-load.ts';
import type { Measurement, Scenario } from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';

const RATE = 10_000;
const MESSAGES = 80_000;

export const scenario: Scenario = {
  name: 'mqtt-latency',
  description:
    '10,000 messages/s QoS 1, publisher to subscriber; delivery need not wait for the disk, the acknowledgement must',
  async run(context) {
    const load = { messages: context.scaled(MESSAGES), rate: RATE, subscribed: true };
    const own: LoadResult[] = [];
    const mosquitto: LoadResult[] = [];
    for (let round = 1; round <= context.rounds; round += 1) {
      own.push((await ownRound(context, `sensorium-${round}`, load)).load);
      mosquitto.push(await mosquittoRound(context, `mosquitto-${round}`, load));
    }
    const rows = (who: string, loads: readonly LoadResult[]): readonly Measurement[] =>
      (['p50', 'p99'] as const).map((share) => ({
        what: `${who} ${share}`,
        value: median(loads.map(({ latencyUs }) => (latencyUs?.[share] ?? Number.NaN) / 1000)),
        unit: 'ms',
        note: `median of ${loads.length}`,
      }));
    return [...rows('Sensorium', own), ...rows('Mosquitto', mosquitto)];
  },
};
