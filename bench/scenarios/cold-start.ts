import { NpmStart } from '../harness/npm-start.ts';
import type { Scenario } from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';

const STARTS = 5;

export const scenario: Scenario = {
  name: 'cold-start',
  description: 'npm start to the ready line with everything installed and a data directory that exists',
  async run(context) {
    const dataDir = context.folder('data');
    const first = await NpmStart.run(dataDir);
    await first[Symbol.asyncDispose]();
    const whole: number[] = [];
    const own: number[] = [];
    for (let start = 1; start <= (context.quick ? 1 : STARTS); start += 1) {
      await using again = await NpmStart.run(dataDir);
      whole.push(again.readyMs);
      if (start === 1) for (const line of again.stderr.trim().split('\n')) context.say(line);
      own.push(ownPartMs(again.stderr));
    }
    return [
      {
        what: 'first npm start, new data directory',
        value: first.readyMs,
        unit: 'ms',
        note: 'makes keys and certificates',
      },
      {
        what: 'later npm start',
        value: median(whole),
        unit: 'ms',
        asked: { atMost: 2_000 },
        note: `median of ${whole.length}`,
      },
      {
        what: 'of which ours',
        value: median(own),
        unit: 'ms',
        asked: { atMost: 1_000 },
        note: 'process start to ready, as the server itself says',
      },
    ];
  },
};

/** The server's own report (--verbose): the last phase ends so long after its process began. */
function ownPartMs(report: string): number {
  const last = [...report.matchAll(/\bat +(\d+) ms$/gm)].at(-1)?.[1];
  if (last === undefined) throw new Error(`no start-up phases in:\n${report}`);
  return Number(last);
}
