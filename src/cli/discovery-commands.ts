import { type Command, Option } from 'commander';
import { CANDIDATE_STATES } from '../model/discovery.ts';
import type { CommonOptions } from './endpoint.ts';
import { duration, type Grammar } from './grammar.ts';
import type { AdmitOptions, DiscoverOptions } from './verbs/discover.ts';

const load = () => import('./verbs/discover.ts');

/** The verbs about what was found. Without a further word `discover` lists. */
export function addDiscoveryVerbs(program: Command, { verb, within }: Grammar): void {
  const discover = program.command('discover').description('look at what was found, admit it as a device');
  verb(discover, 'list', 'list what was found (the default)', { isDefault: true })
    .addOption(new Option('--state <state>', 'default new').choices([...CANDIDATE_STATES, 'all']))
    .option('--text <text>', 'part of a name, identifier, service, maker or model')
    .option('--scanner <name>', 'seen by this scanner')
    .option('--watch', 'go on, with what is found as it comes')
    .option('--for <duration>', 'with --watch: end after this time, such as 10s', duration)
    .action((options: DiscoverOptions & CommonOptions) =>
      within(options, async (session) => (await load()).discover(options, session)),
    );
  verb(discover, 'show <id>', 'show one candidate with its evidence').action(
    (id: string, options: CommonOptions) =>
      within(options, async (session) => (await load()).showCandidate(id, session)),
  );
  verb(discover, 'admit <id>', 'make a device of it')
    .option('--as <id>', 'device id; default: from its name')
    .option('--name <name>', 'what people call it')
    .option('--profile <id>', 'device model; default: as suggested')
    .option('--parent <id>', 'the gateway it hangs on')
    .option('--gateway', 'it speaks for children')
    .option('--token', 'make a token for it, too')
    .action((id: string, options: AdmitOptions & CommonOptions) =>
      within(options, async (session) => (await load()).admitCandidate(id, options, session)),
    );
  const decisions = [
    ['ignore', 'put candidates out of sight'],
    ['block', 'put candidates out of sight, and keep them from being admitted'],
    ['forget', 'drop candidates and what was decided about them'],
  ] as const;
  for (const [word, meaning] of decisions) {
    verb(discover, `${word} <id...>`, meaning).action((ids: readonly string[], options: CommonOptions) =>
      within(options, async (session) => (await load()).decideCandidates(word, ids, session)),
    );
  }
  verb(discover, 'scanners', 'what looks for devices, and what each lacks').action((options: CommonOptions) =>
    within(options, async (session) => (await load()).listScanners(session)),
  );
  verb(discover, 'scan', 'have all scanners look now').action((options: CommonOptions) =>
    within(options, async (session) => (await load()).scanNow(session)),
  );
}
