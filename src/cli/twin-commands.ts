import { type Command, Option } from 'commander';
import { TWIN_PARTS } from '../model/twin.ts';
import type { CommonOptions } from './endpoint.ts';
import { collect, type Grammar } from './grammar.ts';
import type { TwinGetOptions, TwinHistoryOptions, TwinSetOptions } from './verbs/twin.ts';

const load = () => import('./verbs/twin.ts');

/** The verbs about what is desired of a device, and about whether it is there. */
export function addTwinVerbs(program: Command, { verb, within }: Grammar): void {
  const twin = program.command('twin').description('what is desired of a device, and what it reports');
  verb(twin, 'get <device>', 'show both, and what is not done yet')
    .addOption(new Option('--part <part>', 'only this').choices([...TWIN_PARTS, 'delta']))
    .action((device: string, options: TwinGetOptions & CommonOptions) =>
      within(options, async (session) => (await load()).getTwin(device, options, session)),
    );
  verb(twin, 'set <device> [values...]', 'say what is desired: name=value …, or a JSON merge patch')
    .option('--unset <name>', 'desire it no longer (repeatable)', collect)
    .option('--replace', 'what is not given is desired no longer')
    .option('--if-match <etag>', 'only where nothing else was desired meanwhile; as `twin get` shows it')
    .action((device: string, values: readonly string[], options: TwinSetOptions & CommonOptions) =>
      within(options, async (session) => (await load()).setTwin(device, values, options, session)),
    );
  verb(twin, 'history <device>', 'show the last changes, the youngest first')
    .addOption(new Option('--part <part>', 'default desired').choices(TWIN_PARTS))
    .action((device: string, options: TwinHistoryOptions & CommonOptions) =>
      within(options, async (session) => (await load()).twinHistory(device, options, session)),
    );
}

export function addPresenceVerb(devices: Command, { verb, within }: Grammar): void {
  verb(devices, 'presence <id>', 'is it there, and why we think so').action(
    (id: string, options: CommonOptions) =>
      within(options, async (session) => (await load()).showPresence(id, session)),
  );
}
