/**
 * `sensorium/mqtt`: the MQTT server alone, for programs that want nothing else of the platform. Composes log, state and
 * server as `main.ts` composes the platform, which is why it stands beside it: the rooms know nothing of each other. It
 * must not end the process, and keeps nothing but the data directory.
 */
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { LOG_DEFAULT_MAX_AGE_MS, LOG_DEFAULT_MAX_BYTES } from '../base/limits.ts';
import { type Logger, silentLogger } from '../base/logger.ts';
import { MqttServer } from '../communication/mqtt/mqtt-server.ts';
import type { Address, ListenerName, ListenerRow } from '../communication/mqtt/transport/link.ts';
import { openLog } from '../log/lmdb/lmdb-log.ts';
import { openLogLookup } from '../log/lmdb/log-lookup.ts';
import { problem } from '../model/errors.ts';
import type { ClientDirectory } from '../model/ports/clients.ts';
import { noReceipts } from '../model/ports/ledger.ts';
import { type Meter, silentMeter } from '../model/ports/meter.ts';
import { unwatched } from '../model/ports/presence.ts';
import { openStateStore } from '../state/lmdb/lmdb-state.ts';
import { DataDirectory } from '../system/data-directory.ts';
import { readVersion } from '../system/version.ts';
import { type AccessRules, CallbackSecurity } from './callback-security.ts';

/** Where to listen; port 0 = any free one. */
interface Listen {
  readonly port: number;
  /** Loopback where it is absent. */
  readonly host?: string | undefined;
}

export interface MqttServerSettings extends AccessRules {
  /** Everything durable. One process at a time. */
  readonly dataDir: string;
  /** MQTT over TCP, on loopback; absent = off. */
  readonly port?: number | undefined;
  /** Further ways in, or the same with another host. `tls` is needed for `mqtts` and `wss`. */
  readonly listen?: Readonly<Partial<Record<ListenerName, Listen>>> | undefined;
  /** PEM. `ca`: whose client certificates are believed. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca: string } | undefined;
  /** What the log may take on disk before its oldest messages go, and how old they may get. */
  readonly logMaxBytes?: number | undefined;
  readonly logMaxAgeMs?: number | undefined;
  readonly logger?: Logger | undefined;
  readonly meter?: Meter | undefined;
}

export interface OutgoingMessage {
  readonly topic: string;
  readonly payload: string | Uint8Array;
  /** Default 1. */
  readonly qos?: 0 | 1 | 2 | undefined;
  readonly retain?: boolean | undefined;
}

export interface EmbeddedMqttServer extends AsyncDisposable {
  /** Where it really listens; null = off. */
  readonly addresses: Readonly<Record<ListenerName, Address | null>>;
  readonly clients: ClientDirectory;
  /**
   * Resolves when the message is on disk (QoS 0: when it is accepted). Rejects with SensoriumError: topic.invalid,
   * payload.too_large, log.congested, disk.full and what else the log may say.
   */
  publish(message: OutgoingMessage): Promise<void>;
  /** Ends the connections of this user. */
  revoke(user: string): void;
  /** What `authorize` says of this user has changed. */
  rightsChanged(user: string): void;
  /** Lets the commit in progress be acknowledged, closes everything. */
  stop(): Promise<void>;
}

const TRANSPORTS = { mqtt: 'tcp', mqtts: 'tls', ws: 'ws', wss: 'wss' } as const;
const NAMES = ['mqtt', 'mqtts', 'ws', 'wss'] as const;
const LOOPBACK = '127.0.0.1';
const NO_TLS = { key: '', cert: '', ca: '' };

/**
 * Opens the data directory and serves. Rejects with SensoriumError where something cannot start, and then nothing is
 * left open: config.invalid, port.taken, port.denied, data_dir.*, log.corrupt, disk.full.
 */
export async function createMqttServer(settings: MqttServerSettings): Promise<EmbeddedMqttServer> {
  const { logger = silentLogger, tls = NO_TLS } = settings;
  const listeners = listenersOf(settings);
  const security = new CallbackSecurity({ ...settings, tls, logger });
  await using opened = new AsyncDisposableStack();
  const server = await open({ ...settings, logger }, { listeners, security, opened });
  const owned = opened.move();
  const stop = (): Promise<void> => owned.disposeAsync();
  return {
    addresses: server.addresses,
    clients: server.mqtt.clients,
    publish: (message) => server.mqtt.messaging.publish({ ...message, qos: message.qos ?? 1 }),
    revoke: (user) => security.revoke(user),
    rightsChanged: (user) => security.rightsChanged(user),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

interface Opened {
  readonly mqtt: MqttServer;
  readonly addresses: MqttServer['addresses'];
}

interface Plan {
  readonly listeners: readonly ListenerRow[];
  readonly security: CallbackSecurity;
  readonly opened: AsyncDisposableStack;
}

async function open(
  settings: MqttServerSettings & { readonly logger: Logger },
  { listeners, security, opened }: Plan,
): Promise<Opened> {
  const { dataDir, logger, meter = silentMeter } = settings;
  const { logMaxBytes: maxBytes = LOG_DEFAULT_MAX_BYTES, logMaxAgeMs: maxAgeMs = LOG_DEFAULT_MAX_AGE_MS } =
    settings;
  const shared = { logger, meter, clock: systemClock };
  const directory = new DataDirectory(dataDir);
  await directory.open();
  opened.defer(() => directory.close());
  const state = await openStateStore({ path: join(dataDir, 'state'), logger });
  opened.defer(() => state.close());
  const path = join(dataDir, 'log');
  const log = await openLog({ path, maxBytes, maxAgeMs, ...shared });
  opened.defer(() => log.close());
  // Nobody reads it but the sessions, which hold what they need themselves.
  log.hold('nobody', Number.POSITIVE_INFINITY);
  const lookup = openLogLookup({ path });
  opened.defer(() => lookup.close());
  const mqtt = new MqttServer({
    ...shared,
    version: readVersion(),
    listeners,
    security,
    log,
    lookup,
    state,
    connections: unwatched,
    receipts: noReceipts,
  });
  await mqtt.start();
  opened.defer(() => mqtt.stop());
  return { mqtt, addresses: mqtt.addresses };
}

function listenersOf({ port, listen, tls }: MqttServerSettings): readonly ListenerRow[] {
  const wanted: Partial<Record<ListenerName, Listen>> = {
    ...(port === undefined ? {} : { mqtt: { port } }),
    ...listen,
  };
  const rows = NAMES.flatMap((name) => {
    const one = wanted[name];
    if (one === undefined) return [];
    return [{ name, transport: TRANSPORTS[name], host: one.host ?? LOOPBACK, port: one.port }];
  });
  if (rows.length === 0) throw problem('config.invalid', 'Nothing to listen on: give a port');
  if (tls === undefined && rows.some(({ transport }) => transport === 'tls' || transport === 'wss'))
    throw problem('config.invalid', 'mqtts and wss need tls: key, cert and ca');
  return rows;
}
