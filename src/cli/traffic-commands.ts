import { type Command, Option } from 'commander';
import { FLEET_DEVICES_MAX } from '../base/limits.ts';
import type { CommonOptions } from './endpoint.ts';
import { collect, duration, type Grammar, integer, share, speed } from './grammar.ts';
import type { ReplayOptions } from './verbs/replay.ts';
import type { SimulateOptions } from './verbs/simulate.ts';

/** The verbs that make traffic: a file played as a device, and a whole simulated fleet. */
export function addTrafficVerbs(program: Command, { verb, within }: Grammar): void {
  const replay = verb(program, 'replay <file>', 'play a CSV or JSON file through MQTT, as a device would');
  addBroker(replay)
    .option('--device <id>', 'the device that plays it; with --device-column a prefix')
    .option('--device-column <name>', 'each value of this column is a device of its own')
    .option('--speed <speed>', '1x keeps the original spacing; 1000x, max', speed, 1)
    .option('--time-column <name>', 'column of the time; default: found by name and content')
    .option('--where <column=value>', 'only rows with this value (repeatable)', collect)
    .option('--create', 'register the device when it is unknown (the default)', true)
    .option('--no-create', 'fail when the device is not registered, instead of registering it')
    .option('--token <token>', 'token of the device; default: made through the API')
    .addOption(new Option('--qos <qos>', 'MQTT quality of service').choices(['0', '1']).default('1'))
    .option('--shift-to-now', 'move all times so that the last reading falls on the moment it is sent')
    .option('--loop', 'again and again until Ctrl-C; implies --shift-to-now')
    .action((file: string, options: ReplayOptions & CommonOptions) =>
      within(options, async (session) => (await import('./verbs/replay.ts')).replay(file, options, session)),
    );
  const simulate = verb(program, 'simulate', 'run a simulated fleet against the server over MQTT');
  addBroker(simulate)
    .option(
      '--devices <n>',
      'how many devices, each with its own connection',
      integer(1, FLEET_DEVICES_MAX),
      10,
    )
    .option('--rate <n>', 'messages per second, all devices together', integer(1, 1_000_000), 10)
    .option('--duration <duration>', 'how long; default until Ctrl-C', duration)
    .option('--messages <n>', 'end after exactly so many messages', integer(1, Number.MAX_SAFE_INTEGER))
    .option('--seed <n>', 'same seed, same fleet', integer(0, 0xffff_ffff), 1)
    .option('--late <share>', 'share of messages with a time in the past', share, 0.02)
    .option('--duplicate <share>', 'share of messages sent a second time', share, 0.01)
    .option('--malformed <share>', 'share of messages that must be refused', share, 0.005)
    .option('--dropout <share>', 'share of time a device is silent', share, 0.02)
    .option('--prefix <text>', 'device ids are PREFIX-0001 …', 'sim')
    .option('--cleanup', 'remove the devices at the end')
    .action((options: SimulateOptions & CommonOptions) =>
      within(options, async (session) => (await import('./verbs/simulate.ts')).simulate(options, session)),
    );
}

function addBroker(command: Command): Command {
  return command
    .option('--mqtt <url>', 'MQTT address, such as mqtt://host:1883; default: of the running server')
    .option('--ca <file>', 'certificate authority of an mqtts:// server (PEM)');
}
