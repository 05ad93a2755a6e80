import { type BrokerName, deliveredPerS, interleaved, type Round } from '../harness/broker.ts';
import { type DrivenLoad, drive } from '../harness/mqtt-drive.ts';
import { oursAndMosquitto } from '../harness/peers.ts';
import type { Measurement, Scenario } from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';

const MESSAGES = 100_000;
/** Of each of 50 devices: 10,000 topics. */
const TOPICS = 200;
const SUBSCRIBERS = 10;
/** Of each subscriber: 10,000 filters of which each message matches one. */
const FILTERS = 1_000;

const base = { qos: 1, topic: 'v1/dev%d/t%d', subscribers: SUBSCRIBERS } as const;
const aFilterPerDevice = { filters: 5, filter: '+/dev%d/#' };
const aFilterPerTopic = { filters: FILTERS, filter: '+/dev%d/t%d/#' };
/** Each message goes to one of ten subscribers in each case, so that only the numbers of topics and filters differ. */
const CASES: readonly { readonly what: string; readonly load: Omit<DrivenLoad, 'messages'> }[] = [
  { what: 'one topic a device', load: { ...base, ...aFilterPerDevice } },
  { what: '10,000 topics', load: { ...base, ...aFilterPerDevice, topics: TOPICS } },
  { what: '10,000 topics and wildcard filters', load: { ...base, ...aFilterPerTopic, topics: TOPICS } },
];
/** Times the single-topic case. */
const COST_MAX = 2;
const BROKERS: readonly BrokerName[] = ['Sensorium', 'Mosquitto'];

export const scenario: Scenario = {
  name: 'mqtt-topics',
  description:
    'QoS 1 from 50 publishers to 10 subscribers, each message to one of them: 50 topics, 10,000, and 10,000 filters',
  async run(context) {
    const runs: { what: string; name: BrokerName; round: Round }[] = [];
    // All cases within a round: what is compared must meet the same machine.
    for (let number = 1; number <= context.rounds; number += 1) {
      for (const { what, load } of CASES) {
        const once = { ...context, rounds: 1 };
        const messages = context.scaled(MESSAGES);
        const rounds = await interleaved(
          once,
          oursAndMosquitto,
          async ({ target }, folder) => await drive(folder, target, { ...load, messages }),
        );
        for (const [name, [round]] of rounds) if (round !== undefined) runs.push({ what, name, round });
      }
    }
    const value = (name: BrokerName, what: string, pick: (round: Round) => number): number =>
      median(runs.filter((run) => run.name === name && run.what === what).map(({ round }) => pick(round)));
    const single = CASES[0]?.what ?? '';
    return BROKERS.flatMap((name) =>
      CASES.flatMap(({ what }): readonly Measurement[] => {
        const delivered = value(name, what, deliveredPerS);
        const rate = { what: `${name}: ${what}`, value: delivered, unit: 'msg/s' };
        if (what === single) return [rate];
        const cpu = ({ cpuUs }: Round): number => cpuUs;
        const asked = name === 'Sensorium' ? { atMost: COST_MAX } : undefined;
        const times = value(name, what, cpu) / value(name, single, cpu);
        return [
          rate,
          {
            what: `${name}: ${what}, time`,
            value: value(name, single, deliveredPerS) / delivered,
            unit: '×',
            asked,
          },
          { what: `${name}: ${what}, processor time`, value: times, unit: '×', asked },
        ];
      }),
    );
  },
};
