import { caughtUp, register, startServer } from '../harness/fleet.ts';
import { fill } from '../harness/ndjson.ts';
import type { Scenario } from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';

const DEVICES = 10;
const INSTANTS = 20_000;
const AT_ONCE = 8;

export const scenario: Scenario = {
  name: 'http-ndjson',
  description:
    'POST of 1,000 NDJSON lines with 5 metrics each, 8 requests in flight; answered per item after the commit',
  async run(context) {
    const taken: number[] = [];
    const queryable: number[] = [];
    for (let round = 1; round <= context.rounds; round += 1) {
      await using server = await startServer(context.folder(`data-${round}`));
      const names = Array.from({ length: DEVICES }, (_, index) => `station${index}`);
      const tokens = await register(server, names);
      const series = names.map((device, index) => ({ device, token: tokens[index] ?? '' }));
      const begun = performance.now();
      const plan = {
        fromMs: Date.now() - 30 * 86_400_000,
        stepMs: 1_000,
        instants: context.scaled(INSTANTS),
        atOnce: AT_ONCE,
      };
      const readings = await fill(server, series, plan);
      taken.push(readings / ((performance.now() - begun) / 1000));
      const totals = await caughtUp(server);
      queryable.push(totals.readings / ((performance.now() - begun) / 1000));
      await server.stop();
      context.say(`round ${round}: ${Math.round(taken.at(-1) ?? 0)} readings/s acknowledged`);
    }
    return [
      {
        what: 'acknowledged, on disk',
        value: median(taken),
        unit: 'readings/s',
        note: 'generator on the same cores',
      },
      { what: 'into history', value: median(queryable), unit: 'readings/s' },
    ];
  },
};
