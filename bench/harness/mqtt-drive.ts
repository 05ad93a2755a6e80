/** Drives a broker with our own generator, for loads that `mqtt-load` cannot say; the same for all brokers. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deviceNames, type LoadResult, type Target } from './broker.ts';
import { compile } from './compile.ts';

const run = promisify(execFile);
/** The generator ends a run this long after it should have. */
const RUN_MAX_S = 80;
const SOURCE = join(import.meta.dirname, 'mqtt-drive.c');

export interface DrivenLoad {
  /** Of all publishers together. */
  readonly messages: number;
  readonly qos: 0 | 1 | 2;
  /** printf format of a topic: number of the device, number of the topic below it. */
  readonly topic: string;
  /** How many topics each device has, taken in turn. */
  readonly topics?: number | undefined;
  readonly subscribers?: number | undefined;
  /** The same format for filters, counted through devices and topics, so that none overlaps another. */
  readonly filter?: string | undefined;
  /** Filters of each subscriber. */
  readonly filters?: number | undefined;
  /** Messages/s of all; without it as fast as the broker takes them. */
  readonly rate?: number | undefined;
  /** Sends no more after so long, whatever is left, and waits for what is out. */
  readonly stopAfterS?: number | undefined;
  /** Subscribers have a session that is kept. */
  readonly isKept?: boolean | undefined;
}

export async function drive(folder: string, target: Target, load: DrivenLoad): Promise<LoadResult> {
  const program = await compile('mqtt-drive', SOURCE);
  const passwords = join(folder, 'passwords');
  writeFileSync(passwords, `${target.passwords.join('\n')}\n`, { mode: 0o600 });
  const settings = {
    port: target.port,
    publishers: deviceNames.length,
    messages: Math.ceil(load.messages / deviceNames.length),
    topics: load.topics ?? 1,
    subscribers: load.subscribers ?? 0,
    filters: load.filters ?? 1,
    qos: load.qos,
    clean: load.isKept === true ? 0 : 1,
    rate: load.rate ?? 0,
    stop: load.stopAfterS ?? 0,
    seconds: RUN_MAX_S + (load.rate === undefined ? 0 : load.messages / load.rate),
  };
  const words = Object.entries(settings).map(([name, value]) => `${name}=${Math.ceil(value)}`);
  const { stdout } = await run(program, words, {
    env: {
      ...process.env,
      PUBLISHER_USER: 'dev%d',
      TOPIC: load.topic,
      FILTER: load.filter ?? '',
      PASSWORD_FILE: passwords,
      SUBSCRIBER_USER: target.subscriber.user,
      SUBSCRIBER_PASSWORD: target.subscriber.password,
    },
  });
  return JSON.parse(stdout) as LoadResult;
}
