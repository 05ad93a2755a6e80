/** Drives a broker with `mqtt-load`, a neutral generator in C that is not part of this project. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { PROJECT } from '../../test/support/server.ts';
import { UnavailableError } from './scenario.ts';

const run = promisify(execFile);
const PUBLISHERS = 50;
const WINDOW = 20;
/** The smallest the generator sends. */
const PAYLOAD_BYTES = 128;
/** Numbers in each of its payloads: temp, hum, bat, rssi, seq. */
export const READINGS_PER_MESSAGE = 5;

export interface Target {
  readonly port: number;
  /** Passwords of the users dev0 … dev49. */
  readonly passwords: readonly string[];
  readonly subscriber?: { readonly user: string; readonly password: string } | undefined;
}

export interface LoadResult {
  readonly sent: number;
  readonly acknowledged: number;
  readonly received: number;
  readonly acknowledgedInS: number;
  /** Until the last subscriber had the last message too. */
  readonly drainedInS: number;
  /** Share of the messages that did not reach the subscriber. */
  readonly lossPercent: number;
  /** Send to receive, for paced runs. */
  readonly latencyUs?: { readonly p50: number; readonly p99: number } | undefined;
}

export const deviceNames: readonly string[] = Array.from({ length: PUBLISHERS }, (_, index) => `dev${index}`);

/** QoS 1, 50 publishers on a topic each, 20 in flight; `rate` (messages/s of all) paces them. */
export async function publish(
  folder: string,
  target: Target,
  load: { readonly messages: number; readonly rate?: number | undefined },
): Promise<LoadResult> {
  const program = await build();
  const passwords = join(folder, 'passwords');
  writeFileSync(passwords, `${target.passwords.join('\n')}\n`, { mode: 0o600 });
  const { subscriber } = target;
  const perPublisher = Math.ceil(load.messages / PUBLISHERS);
  const numbers = [
    target.port,
    PUBLISHERS,
    1,
    PAYLOAD_BYTES,
    WINDOW,
    perPublisher,
    1,
    subscriber ? 1 : 0,
    load.rate ?? 0,
  ];
  const { stdout } = await run(program, ['127.0.0.1', ...numbers.map(String)], {
    env: {
      ...process.env,
      MQTT_USER_FMT: 'dev%d',
      MQTT_CLIENT_FMT: 'dev%d',
      MQTT_TOPIC_FMT: 'v1/dev%d/telemetry',
      MQTT_PASS_FILE: passwords,
      MQTT_SUB_USER: subscriber?.user ?? '',
      MQTT_SUB_PASS: subscriber?.password ?? '',
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
    lossPercent: number(/loss=(-?[\d.]+)%/),
    latencyUs: line.includes('lat_us')
      ? { p50: number(/\bp50=(\d+)/), p99: number(/\bp99=(\d+)/) }
      : undefined,
  };
}

/** Compiles the generator once; SENSORIUM_MQTT_LOAD names its source where it is not beside the project. */
async function build(): Promise<string> {
  const source = process.env['SENSORIUM_MQTT_LOAD'] ?? resolve(PROJECT, '../shared/tools/mqtt-load.c');
  if (!existsSync(source)) {
    throw new UnavailableError(`no mqtt-load.c at ${source}; name it with SENSORIUM_MQTT_LOAD`);
  }
  const program = join(PROJECT, '.cache', 'mqtt-load');
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program;
  mkdirSync(join(PROJECT, '.cache'), { recursive: true });
  await run('cc', ['-O2', '-o', program, source]);
  return program;
}
