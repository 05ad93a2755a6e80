import { Command, Option } from 'commander';
import {
  DOWNSAMPLE_POINTS_MAX,
  LEDGER_LIMIT_MAX,
  PAGE_MAX,
  QUERY_LIMIT_MAX,
  TOP_MAX,
} from '../base/limits.ts';
import { AGGREGATES, DOWNSAMPLINGS } from '../model/ports/history.ts';
import { ROLES } from '../model/ports/security.ts';
import { addDiscoveryVerbs } from './discovery-commands.ts';
import type { CommonOptions } from './endpoint.ts';
import { collect, duration, Grammar, integer, size } from './grammar.ts';
import type { CliIo } from './io.ts';
import { addCommandVerbs, addFilter, addRegistryVerbs } from './registry-commands.ts';
import { addTrafficVerbs } from './traffic-commands.ts';
import { addPresenceVerb, addTwinVerbs } from './twin-commands.ts';
import type { ClientListOptions, DisconnectOptions } from './verbs/clients.ts';
import type { AddOptions, ListOptions } from './verbs/devices.ts';
import type { ExportOptions } from './verbs/export.ts';
import type { FleetLatestOptions, FleetTopOptions } from './verbs/fleet.ts';
import type { LedgerOptions } from './verbs/ledger.ts';
import type { DropOptions, QuarantineOptions, ReplayQuarantineOptions } from './verbs/quarantine.ts';
import type { QueryOptions } from './verbs/query.ts';
import type { PreviewOptions } from './verbs/retention.ts';
import type { SendOptions } from './verbs/send.ts';
import type { TailOptions } from './verbs/tail.ts';
import type { TokenOptions } from './verbs/token.ts';

/**
 * The words of the command line: verbs, arguments, options, and nothing of what they do. Every action loads its
 * verb when it runs.
 */
export function buildProgram(io: CliIo): { readonly program: Command; readonly grammar: Grammar } {
  const grammar = new Grammar(io);
  const program = new Command('sensorium')
    .description('IoT platform in one process: devices in, trusted history and decisions out.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    })
    .showHelpAfterError('(--help lists what is possible)')
    .addHelpText('after', '\nsensorium start runs the system. Exit codes: 0 done, 1 failed, 2 wrong usage.');
  addIdentityVerbs(program, grammar);
  addCommandVerbs(program, grammar);
  addReadingVerbs(program, grammar);
  addFleetVerbs(program, grammar);
  addTrafficVerbs(program, grammar);
  addTwinVerbs(program, grammar);
  addDiscoveryVerbs(program, grammar);
  addClientVerbs(program, grammar);
  addInspectionVerbs(program, grammar);
  return { program, grammar };
}

function addIdentityVerbs(program: Command, grammar: Grammar): void {
  const { verb, within } = grammar;
  verb(program, 'token', 'make a token for a user of the API')
    .option('--subject <name>', 'whom it names')
    .addOption(new Option('--role <role>', 'what it allows').choices(ROLES))
    .option('--lifetime <duration>', 'how long it is valid, such as 1h', duration)
    .action((options: TokenOptions & CommonOptions) =>
      within(options, async (session) => (await import('./verbs/token.ts')).token(options, session)),
    );
  const devices = program.command('devices').description('register devices, look at them, remove them');
  verb(devices, 'add <id>', 'register a device and print its token, once')
    .option('--name <name>', 'what people call it')
    .option('--profile <id>', 'device model; default: open, any metric')
    .option('--gateway', 'it speaks for children')
    .option('--parent <id>', 'the gateway it hangs on')
    .option('--preset <preset>', 'foreign topics: zigbee2mqtt, tasmota, shelly, homeassistant')
    .option('--topic-base <topic>', 'topic prefix of the preset, where it is not the default')
    .option('--tag <tag>', 'label (repeatable)', collect)
    .option('--group <group>', 'group that it is in (repeatable)', collect)
    .action((id: string, options: AddOptions & CommonOptions) =>
      within(options, async (session) => (await loadDevices()).addDevice(id, options, session)),
    );
  addFilter(verb(devices, 'list', 'list devices'))
    .option('--limit <n>', 'how many at most', integer(1, QUERY_LIMIT_MAX))
    .action((options: ListOptions & CommonOptions) =>
      within(options, async (session) => {
        const { text, parent, profile, tag, group, identifier, limit } = options;
        const which = { text, parent, profile, tag, group, identifier, limit };
        return (await loadDevices()).listDevices(which, session);
      }),
    );
  verb(devices, 'show <id>', 'show one device').action((id: string, options: CommonOptions) =>
    within(options, async (session) => (await loadDevices()).showDevice(id, session)),
  );
  verb(devices, 'remove <id...>', 'remove devices; their history stays').action(
    (ids: readonly string[], options: CommonOptions) =>
      within(options, async (session) => (await loadDevices()).removeDevices(ids, session)),
  );
  verb(devices, 'credentials <id>', 'make a further token for a device')
    .option('--rotate', 'revoke its earlier tokens first')
    .option('--revoke', 'revoke its tokens and make none')
    .action((id: string, options: { rotate?: boolean; revoke?: boolean } & CommonOptions) =>
      within(options, async (session) => (await loadDevices()).deviceCredentials(id, options, session)),
    );
  addPresenceVerb(devices, grammar);
  addRegistryVerbs(devices, grammar);
}

const loadDevices = () => import('./verbs/devices.ts');

function addReadingVerbs(program: Command, { verb, within }: Grammar): void {
  verb(
    program,
    'send <device> [values...]',
    'send readings: metric=value …, a JSON payload, or NDJSON on stdin',
  )
    .option('--ts <time>', 'time of the readings: ISO 8601, epoch ms, -1h; default now')
    .action((device: string, values: readonly string[], options: SendOptions & CommonOptions) =>
      within(options, async (session) =>
        (await import('./verbs/send.ts')).send(device, values, options, session),
      ),
    );
  const query = verb(program, 'query <device> [metrics...]', 'read history');
  addRange(query)
    .option('--limit <n>', 'how many readings at most', integer(1, QUERY_LIMIT_MAX))
    .option('--newest', 'newest first')
    .option('--latest', 'the last value of each metric')
    .addOption(
      new Option('--downsample <method>', 'only the readings that draw the same line').choices(DOWNSAMPLINGS),
    )
    .option(
      '--points <n>',
      'readings per metric at most, with --downsample',
      integer(4, DOWNSAMPLE_POINTS_MAX),
    )
    .option('--window <name>', 'windows that the profile declares, by name; all = every one')
    .addOption(new Option('--format <format>', 'default table').choices(['table', 'json', 'csv', 'parquet']))
    .option('--output <file>', 'where csv or parquet goes; default standard output')
    .action((device: string, metrics: readonly string[], options: QueryOptions & CommonOptions) =>
      within(options, async (session) =>
        options.window === undefined
          ? (await import('./verbs/query.ts')).query(device, metrics, options, session)
          : (await import('./verbs/query-windows.ts')).queryWindows(device, metrics, options, session),
      ),
    );
  const files = verb(program, 'export', 'write the history of a device to a file');
  addRange(files)
    .requiredOption('--device <id>', 'whose history')
    .option('--metric <name>', 'only this metric (repeatable)', collect)
    .addOption(
      new Option('--format <format>', 'csv or parquet').choices(['csv', 'parquet']).makeOptionMandatory(),
    )
    .requiredOption('--output <file>', 'file to write')
    .option('--limit <n>', 'how many readings at most', integer(1, QUERY_LIMIT_MAX))
    .action((options: ExportOptions & CommonOptions) =>
      within(options, async (session) => (await import('./verbs/export.ts')).exportHistory(options, session)),
    );
  verb(program, 'tail', 'follow live readings, or events')
    .option('--device <id>', 'of this device only')
    .option('--events', 'events instead of readings')
    .option('--type <type>', 'events of this type only')
    .option('--count <n>', 'end after so many', integer(1, Number.MAX_SAFE_INTEGER))
    .option('--for <duration>', 'end after this time, such as 10s', duration)
    .action((options: TailOptions & CommonOptions) =>
      within(options, async (session) => (await import('./verbs/tail.ts')).tail(options, session)),
    );
}

function addFleetVerbs(program: Command, { verb, within }: Grammar): void {
  const fleet = program.command('fleet').description('questions about all devices at once');
  verb(fleet, 'latest [metrics...]', 'the last values of every device; default: all metrics')
    .option('--limit <n>', 'how many devices at most', integer(1, QUERY_LIMIT_MAX))
    .option('--after <id>', 'devices above this id')
    .action((metrics: readonly string[], options: FleetLatestOptions & CommonOptions) =>
      within(options, async (session) => (await loadFleet()).fleetLatest(metrics, options, session)),
    );
  const top = verb(fleet, 'top <metric>', 'devices with the largest value of a metric');
  addTimes(top)
    .addOption(
      new Option('--agg <function>', 'of the readings in the range; default max').choices(AGGREGATES),
    )
    .addOption(new Option('--order <order>', 'asc: the smallest first').choices(['desc', 'asc']))
    .option('--limit <n>', 'how many devices; default 10', integer(1, TOP_MAX))
    .action((metric: string, options: FleetTopOptions & CommonOptions) =>
      within(options, async (session) => (await loadFleet()).fleetTop(metric, options, session)),
    );
}

const loadFleet = () => import('./verbs/fleet.ts');

function addClientVerbs(program: Command, { verb, within }: Grammar): void {
  const clients = program.command('clients').description('look at MQTT clients, disconnect them');
  verb(clients, 'list', 'list connected clients, and sessions that are kept')
    .option('--text <text>', 'part of client id or name')
    .option('--connected', 'connected ones only')
    .addOption(new Option('--away', 'only sessions that wait for their client').conflicts('connected'))
    .option('--limit <n>', 'how many at most', integer(1, QUERY_LIMIT_MAX))
    .action((options: ClientListOptions & CommonOptions) =>
      within(options, async (session) => (await loadClients()).listClients(options, session)),
    );
  verb(clients, 'show <id>', 'show one client with its subscriptions; id as listed').action(
    (id: string, options: CommonOptions) =>
      within(options, async (session) => (await loadClients()).showClient(id, session)),
  );
  verb(clients, 'disconnect <id...>', 'end connections; ids as listed')
    .option('--end', 'end the sessions, too: subscriptions and what waits are forgotten')
    .action((ids: readonly string[], options: DisconnectOptions & CommonOptions) =>
      within(options, async (session) => (await loadClients()).disconnectClients(ids, options, session)),
    );
}

const loadClients = () => import('./verbs/clients.ts');

function addInspectionVerbs(program: Command, { verb, within }: Grammar): void {
  addQuarantineVerbs(program, { verb, within });
  verb(program, 'ledger', 'what became of every message, by sender and hour; fails where it does not add up')
    .option('--sender <id>', 'of this device, gateway or @user only')
    .option('--from <time>', 'hours from this time on: ISO 8601, epoch ms, -1d')
    .option('--to <time>', 'hours up to this time, exclusive')
    .option('--limit <n>', 'how many rows at most', integer(1, LEDGER_LIMIT_MAX))
    .action((options: LedgerOptions & CommonOptions) =>
      within(options, async (session) => (await import('./verbs/ledger.ts')).ledger(options, session)),
    );
  addRetentionVerbs(program, { verb, within });
  verb(program, 'traces', 'messages followed through the pipeline: where their time went').action(
    (options: CommonOptions) =>
      within(options, async (session) => (await import('./verbs/traces.ts')).traces(session)),
  );
  verb(program, 'doctor', 'look for what commonly goes wrong, and say what to do').action(
    (options: CommonOptions) =>
      within(options, async (session) => (await import('./verbs/doctor.ts')).doctor(session)),
  );
}

function addQuarantineVerbs(program: Command, { verb, within }: Pick<Grammar, 'verb' | 'within'>): void {
  const quarantine = program
    .command('quarantine')
    .description('what was refused, and why: look at it, try it again, drop it');
  filtered(verb(quarantine, 'list', 'list refused packets'))
    .option('--limit <n>', 'how many at most', integer(1, PAGE_MAX))
    .action((options: QuarantineOptions & CommonOptions) =>
      within(options, async (session) => (await loadQuarantine()).listQuarantine(options, session)),
    );
  verb(quarantine, 'show <offset>', 'show one packet with its payload; offset as listed').action(
    (offset: string, options: CommonOptions) =>
      within(options, async (session) => (await loadQuarantine()).showQuarantined(offset, session)),
  );
  filtered(verb(quarantine, 'replay [offsets...]', 'try packets again by today’s profiles; default: all'))
    .option('--dry-run', 'only say what would come of it')
    .action((offsets: readonly string[], options: ReplayQuarantineOptions & CommonOptions) =>
      within(options, async (session) => {
        const { device, code, since, until, dryRun } = options;
        const which = { device, code, since, until, dryRun };
        return (await loadQuarantine()).replayQuarantine(offsets, which, session);
      }),
    );
  filtered(verb(quarantine, 'drop [offsets...]', 'take packets out for good'))
    .option('--all', 'every one of them')
    .action((offsets: readonly string[], options: DropOptions & CommonOptions) =>
      within(options, async (session) => {
        const { device, code, since, until, all } = options;
        return (await loadQuarantine()).dropQuarantined(
          offsets,
          { device, code, since, until, all },
          session,
        );
      }),
    );
}

function addRetentionVerbs(program: Command, { verb, within }: Pick<Grammar, 'verb' | 'within'>): void {
  const retention = program.command('retention').description('what is kept of history, and what would go');
  verb(retention, 'status', 'levels, times, budget, bytes').action((options: CommonOptions) =>
    within(options, async (session) => (await loadRetention()).retentionStatus(session)),
  );
  verb(retention, 'preview', 'what would go now; changes nothing')
    .option('--budget <size>', 'with this disk budget, such as 5GB; default: the configured one', size)
    .action((options: PreviewOptions & CommonOptions) =>
      within(options, async (session) => (await loadRetention()).retentionPreview(options, session)),
    );
}

const loadRetention = () => import('./verbs/retention.ts');

const filtered = (command: Command): Command =>
  command
    .option('--device <id>', 'of this device only')
    .option('--code <code>', 'refused for this reason only')
    .option('--since <time>', 'received from this time on: ISO 8601, epoch ms, -1h')
    .option('--until <time>', 'received up to this time, exclusive');

const loadQuarantine = () => import('./verbs/quarantine.ts');

const addTimes = (command: Command): Command =>
  command
    .option('--from <time>', 'from this time on: ISO 8601, epoch ms, -1h')
    .option('--to <time>', 'up to this time, exclusive');

function addRange(command: Command): Command {
  return addTimes(command)
    .option('--interval <width>', 'one value per interval: 10s, 1m, 1h, 1d')
    .addOption(new Option('--agg <function>', 'how an interval is summed up').choices(AGGREGATES));
}
