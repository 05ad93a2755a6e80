import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { problem } from '../model/errors.ts';
import { messageOf } from './foreign.ts';
import { UsageError } from './io.ts';
import type { Session } from './session.ts';

export interface BrokerOptions {
  readonly mqtt?: string | undefined;
  readonly ca?: string | undefined;
}

/** Where and how to connect; `ca` is PEM text for TLS, absent = the authorities of the system. */
export interface BrokerAddress {
  readonly tls: boolean;
  readonly host: string;
  readonly port: number;
  readonly ca: string | undefined;
}

/** `--mqtt` over the run file of the server on this machine, plain before TLS. */
export async function findBroker(options: BrokerOptions, session: Session): Promise<BrokerAddress> {
  const url = options.mqtt ?? (await localBroker(session));
  const match = /^(mqtts?):\/\/(\[[^\]]+\]|[^:/]+)(?::(\d+))?\/?$/.exec(url);
  const host = match?.[2]?.replace(/^\[|\]$/g, '');
  if (match === null || host === undefined) {
    throw new UsageError(`--mqtt: "${url}" is not mqtt://host:port or mqtts://host:port`);
  }
  const tls = match[1] === 'mqtts';
  const port = Number(match[3] ?? (tls ? 8883 : 1883));
  // 0.0.0.0 is where the server listens, not where one can go.
  const target = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return { tls, host: target, port, ca: tls ? await findAuthority(options, session) : undefined };
}

async function localBroker(session: Session): Promise<string> {
  if (session.remote) throw new UsageError('--url needs --mqtt, too: the address of the MQTT port');
  const run = await session.runFile();
  const url = run.mqtt ?? run.mqtts;
  if (url === null) throw problem('server.unreachable', 'the running server has its MQTT ports off');
  return url;
}

async function findAuthority(options: BrokerOptions, session: Session): Promise<string | undefined> {
  if (options.ca !== undefined) {
    try {
      return await readFile(resolve(session.io.cwd, options.ca), 'utf8');
    } catch (cause) {
      throw problem('file.unreadable', `--ca ${options.ca}: ${messageOf(cause)}`, { cause });
    }
  }
  if (session.remote) return undefined;
  return readFile(join(await session.dataDir(), 'keys', 'ca.crt'), 'utf8').catch(() => undefined);
}
