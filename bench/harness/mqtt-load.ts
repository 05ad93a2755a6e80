/** Drives a broker with `mqtt-load`, a neutral generator in C that is not part of this project. */
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { PROJECT } from '../../test/support/server.ts';
import { deviceNames, type LoadResult, type Target } from './broker.ts';
import { compile } from './compile.ts';
import { UnavailableError } from './scenario.ts';

const run = promisify(execFile);
const WINDOW = 20;
/** The generator ends a run after 100 s. */
const RUN_MAX_US = 100e6;
/** The smallest the generator sends. */
const PAYLOAD_BYTES = 128;

export interface Load {
  /** Of all publishers together. */
  readonly messages: number;
  readonly qos: 0 | 1;
  /** Each on a topic of its own. */
  readonly publishers?: number | undefined;
  /** Each on all topics. */
  readonly subscribers?: number | undefined;
  /** Messages/s of all; without it as fast as the broker takes them, 20 in flight each. */
  readonly rate?: number | undefined;
}

export async function publish(folder: string, target: Target, load: Load): Promise<LoadResult> {
  const program = await compile('mqtt-load', generatorSource());
  const passwords = join(folder, 'passwords');
  writeFileSync(passwords, `${target.passwords.join('\n')}\n`, { mode: 0o600 });
  const { publishers = deviceNames.length, subscribers = 0, rate = 0, messages, qos } = load;
  const perPublisher = Math.ceil(messages / publishers);
  const numbers = [target.port, publishers, qos, PAYLOAD_BYTES, WINDOW, perPublisher, 1, subscribers, rate];
  const { stdout } = await run(program, ['127.0.0.1', ...numbers.map(String)], {
    env: {
      ...process.env,
      MQTT_USER_FMT: 'dev%d',
      MQTT_CLIENT_FMT: 'dev%d',
      MQTT_TOPIC_FMT: 'v1/dev%d/telemetry',
      MQTT_PASS_FILE: passwords,
      MQTT_SUB_USER: target.subscriber.user,
      MQTT_SUB_PASS: target.subscriber.password,
      MQTT_SUB_FILTER: 'v1/+/telemetry',
    },
  });
  return parse(stdout);
}

/** Reads the generator's one line of results. */
export function parse(line: string): LoadResult {
  const number = (pattern: RegExp): number => {
    const found = pattern.exec(line)?.[1];
    if (found === undefined) throw new Error(`mqtt-load said: ${line}`);
    return Number(found);
  };
  return {
    sent: number(/\bsent=(\d+)/),
    acknowledged: number(/\backed=(\d+)/),
    received: number(/\brecv=(\d+)/),
    acknowledgedInS: number(/all_acked_in=([\d.]+)s/),
    drainedInS: number(/drained_in=([\d.]+)s/),
    latencyUs: line.includes('lat_us')
      ? { p50: delayUs(number(/\bp50=(\d+)/)), p99: delayUs(number(/\bp99=(\d+)/)) }
      : undefined,
  };
}

/** A message that the window held back leaves without its time, and seems to come from the start of the machine. */
const delayUs = (us: number): number => (us > RUN_MAX_US ? Number.POSITIVE_INFINITY : us);

/** SENSORIUM_MQTT_LOAD names the generator's source where it is not beside the project. */
function generatorSource(): string {
  const source = process.env['SENSORIUM_MQTT_LOAD'] ?? resolve(PROJECT, '../shared/tools/mqtt-load.c');
  if (existsSync(source)) return source;
  throw new UnavailableError(`no mqtt-load.c at ${source}; name it with SENSORIUM_MQTT_LOAD`);
}
