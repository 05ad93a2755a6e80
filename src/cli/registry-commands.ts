import { type Command, Option } from 'commander';
import { COMMAND_LIST_MAX, COMMAND_RETRIES_MAX, COMMAND_WAIT_MAX_MS } from '../base/limits.ts';
import { DELIVERIES } from '../model/commands.ts';
import type { CommonOptions } from './endpoint.ts';
import { collect, duration, type Grammar, integer } from './grammar.ts';
import type { ExportDevicesOptions, ImportOptions } from './verbs/bulk.ts';
import type { SendCommandOptions } from './verbs/commands.ts';
import type { ChangeOptions, GroupOptions, TagOptions } from './verbs/registry.ts';

/** Verbs below `devices` that change what is registered, and files of devices. */
export function addRegistryVerbs(devices: Command, { verb, within }: Grammar): void {
  verb(devices, 'change <id>', 'change a device; none = has none any more')
    .option('--name <name>', 'what people call it')
    .option('--profile <id>', 'device model')
    .option('--parent <id>', 'the gateway it hangs on, or none')
    .option('--preset <preset>', 'foreign topics, or none')
    .option('--topic-base <topic>', 'topic prefix of the preset, or none')
    .option(
      '--identifier <scheme=value>',
      'what it is known by, such as mac=…; all of them (repeatable)',
      collect,
    )
    .action((id: string, options: ChangeOptions & CommonOptions) =>
      within(options, async (session) => (await loadRegistry()).changeDevice(id, options, session)),
    );
  verb(devices, 'tag <id...>', 'add tags to devices, take tags off')
    .option('--add <tag>', 'tag to add (repeatable)', collect)
    .option('--remove <tag>', 'tag to take off (repeatable)', collect)
    .action((ids: readonly string[], options: TagOptions & CommonOptions) =>
      within(options, async (session) => (await loadRegistry()).tagDevices(ids, options, session)),
    );
  verb(devices, 'history <id>', 'who changed what of a device, and when').action(
    (id: string, options: CommonOptions) =>
      within(options, async (session) => (await loadRegistry()).deviceHistory(id, session)),
  );
  addBulkVerbs(devices, { verb, within });
  addGroupVerbs(devices, { verb, within });
}

function addBulkVerbs(devices: Command, { verb, within }: Pick<Grammar, 'verb' | 'within'>): void {
  verb(devices, 'import <file>', 'register the devices of a CSV, JSON or NDJSON file; - = standard input')
    .addOption(new Option('--format <format>', 'default: by the name of the file').choices(FORMATS))
    .addOption(
      new Option('--existing <what>', 'what becomes of devices that are there')
        .choices(['refuse', 'update', 'skip'])
        .default('refuse'),
    )
    .option('--dry-run', 'only say what would come of it')
    .option('--tokens <file>', 'make a token for each and write them to this file, as CSV')
    .action((file: string, options: ImportOptions & CommonOptions) =>
      within(options, async (session) => (await loadBulk()).importDevices(file, options, session)),
    );
  addFilter(verb(devices, 'export', 'write devices to a file, as import takes them'))
    .addOption(new Option('--format <format>', 'default ndjson').choices(FORMATS))
    .option('--output <file>', 'default: standard output')
    .action((options: ExportDevicesOptions & CommonOptions) =>
      within(options, async (session) => (await loadBulk()).exportDevices(options, session)),
    );
}

function addGroupVerbs(devices: Command, { verb, within }: Pick<Grammar, 'verb' | 'within'>): void {
  const group = devices.command('group').description('make groups, put devices in');
  verb(group, 'list', 'list groups').action((options: CommonOptions) =>
    within(options, async (session) => (await loadRegistry()).listGroups(session)),
  );
  verb(group, 'add <group> [ids...]', 'make a group where there is none, put devices in')
    .option('--name <name>', 'what people call it')
    .option('--description <text>', 'what it is for')
    .action((id: string, ids: readonly string[], options: GroupOptions & CommonOptions) =>
      within(options, async (session) => (await loadRegistry()).addToGroup(id, ids, options, session)),
    );
  verb(group, 'remove <group> [ids...]', 'take devices out; without devices, remove an empty group').action(
    (id: string, ids: readonly string[], options: CommonOptions) =>
      within(options, async (session) => (await loadRegistry()).removeFromGroup(id, ids, session)),
  );
}

/** Which devices a list or an export is about. */
export const addFilter = (command: Command): Command =>
  command
    .option('--text <text>', 'part of id or name')
    .option('--parent <id>', 'children of this gateway')
    .option('--profile <id>', 'devices of this model')
    .option('--tag <tag>', 'with this tag (repeatable: with all of them)', collect)
    .option('--group <group>', 'in this group')
    .option('--identifier <scheme:value>', 'known by this, such as mac:aa:bb:cc:dd:ee:ff');

export function addCommandVerbs(program: Command, { verb, within }: Grammar): void {
  const command = program.command('command').description('tell devices to do something');
  verb(command, 'send <device> <command> [arguments...]', 'send a command: name=value …, or a JSON object')
    .option('--wait <duration>', 'for the reply; default 10s, 0s = not at all', waitTime, 10_000)
    .option('--timeout <duration>', 'a reply may take so long; default: as the profile says')
    .option('--expiry <duration>', 'not sent later than this; default: as the profile says')
    .option('--retries <n>', 'sent again so many times', integer(0, COMMAND_RETRIES_MAX))
    .addOption(new Option('--delivery <delivery>', 'default: as the profile says').choices(DELIVERIES))
    .action(
      (device: string, name: string, args: readonly string[], options: SendCommandOptions & CommonOptions) =>
        within(options, async (session) =>
          (await loadCommands()).sendCommand({ device, name, args, options }, session),
        ),
    );
  verb(command, 'list <device>', 'the commands of a device, newest first')
    .option('--limit <n>', 'how many at most', integer(1, COMMAND_LIST_MAX))
    .action((device: string, options: { limit?: number } & CommonOptions) =>
      within(options, async (session) => (await loadCommands()).listCommands(device, options.limit, session)),
    );
  verb(command, 'show <request>', 'show one command').action((request: string, options: CommonOptions) =>
    within(options, async (session) => (await loadCommands()).showCommand(request, session)),
  );
  verb(command, 'cancel <request>', 'do not send it (any more)').action(
    (request: string, options: CommonOptions) =>
      within(options, async (session) => (await loadCommands()).cancelCommand(request, session)),
  );
}

const FORMATS = ['csv', 'json', 'ndjson'] as const;

const waitTime = (text: string): number => Math.min(duration(text), COMMAND_WAIT_MAX_MS);

const loadRegistry = () => import('./verbs/registry.ts');
const loadBulk = () => import('./verbs/bulk.ts');
const loadCommands = () => import('./verbs/commands.ts');
