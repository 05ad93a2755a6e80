import { pause } from '../../test/support/server.ts';
import { NpmStart } from '../harness/npm-start.ts';
import { processTree, usageOf } from '../harness/processes.ts';
import type { Scenario } from '../harness/scenario.ts';

const IDLE_MS = 10_000;

export const scenario: Scenario = {
  name: 'idle-memory',
  description: 'resident memory 10 s after npm start on a new data directory, nothing connected',
  async run(context) {
    await using started = await NpmStart.run(context.folder('data'));
    await pause(IDLE_MS);
    const tree = processTree(started.process.pid ?? 0).map(({ pid, command }) => ({
      command,
      usage: usageOf(pid),
    }));
    for (const { command, usage } of tree)
      context.say(`${usage.rssMiB.toFixed(0).padStart(4)} MiB  ${command.slice(0, 100)}`);
    const server = tree.at(-1);
    if (server === undefined || !server.command.includes('main.ts'))
      throw new Error('the server is not in the tree');
    const wrappers = tree.slice(0, -1).reduce((sum, { usage }) => sum + usage.rssMiB, 0);
    return [
      { what: 'server', value: server.usage.rssMiB, unit: 'MiB', asked: { atMost: 130 } },
      {
        what: 'npm and bootstrap around it',
        value: wrappers,
        unit: 'MiB',
        note: 'not there with Node 24 and main.ts',
      },
      { what: 'processor time since the start', value: server.usage.cpuS, unit: 's' },
    ];
  },
};
