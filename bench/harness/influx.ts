/** Debian's InfluxDB 1.x on a folder of its own: authentication on, writes synced as it comes. */
import { accessSync, constants, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { DAEMON_PATH, Daemon, freePort } from './daemon.ts';
import { UnavailableError } from './scenario.ts';

const START_TIMEOUT_MS = 15_000;
export const DATABASE = 'bench';
const USER = 'bench';
const PASSWORD = 'bench-password';

interface QueryAnswer {
  readonly error?: string;
  readonly results?: readonly {
    readonly error?: string;
    readonly series?: readonly { readonly values: readonly (readonly unknown[])[] }[];
  }[];
}

export class Influx implements AsyncDisposable {
  readonly port: number;
  readonly user = USER;
  readonly password = PASSWORD;
  readonly #daemon: Daemon;

  private constructor(daemon: Daemon, port: number) {
    this.#daemon = daemon;
    this.port = port;
  }

  static async start(folder: string): Promise<Influx> {
    requireInfluxd();
    const [port, innerPort] = [await freePort(), await freePort()];
    const configuration = join(folder, 'influxdb.conf');
    writeFileSync(configuration, configurationOf(folder, port, innerPort));
    const daemon = await Daemon.start({
      name: 'InfluxDB',
      port,
      command: ['influxd', 'run', '-config', configuration],
      startTimeoutMs: START_TIMEOUT_MS,
    });
    const influx = new Influx(daemon, port);
    await influx.query(`CREATE USER ${USER} WITH PASSWORD '${PASSWORD}' WITH ALL PRIVILEGES`);
    await influx.query(`CREATE DATABASE ${DATABASE}`);
    return influx;
  }

  get pid(): number {
    return this.#daemon.pid;
  }

  /** Points of a measurement that have this field. */
  async count(measurement: string, field: string): Promise<number> {
    const { results } = await this.query(`SELECT COUNT("${field}") FROM "${measurement}"`);
    return Number(results?.[0]?.series?.[0]?.values[0]?.[1] ?? 0);
  }

  async query(text: string): Promise<QueryAnswer> {
    const response = await fetch(`http://127.0.0.1:${this.port}/query?db=${DATABASE}`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}` },
      body: new URLSearchParams({ q: text }),
    });
    const answer = (await response.json()) as QueryAnswer;
    const error = answer.error ?? answer.results?.[0]?.error;
    if (error !== undefined) throw new Error(`InfluxDB, ${text.split(' ', 2).join(' ')}: ${error}`);
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon[Symbol.asyncDispose]();
  }
}

/** Its defaults where nothing is said: an fsync per write, 1 GiB of cache. No reports home, no log of requests. */
function configurationOf(folder: string, port: number, innerPort: number): string {
  return `
reporting-disabled = true
bind-address = "127.0.0.1:${innerPort}"
[meta]
  dir = "${join(folder, 'meta')}"
[data]
  dir = "${join(folder, 'data')}"
  wal-dir = "${join(folder, 'wal')}"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  auth-enabled = true
  log-enabled = false
[logging]
  level = "error"
`;
}

function requireInfluxd(): void {
  const isThere = DAEMON_PATH.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'influxd'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!isThere)
    throw new UnavailableError('InfluxDB is not installed (node scripts/system-packages.ts bench)');
}
