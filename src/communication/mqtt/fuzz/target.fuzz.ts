/** The real server over the real log and state store, on a clock that the campaign moves. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '../../../base/clock.ts';
import { MQTT_SESSION_EXPIRY_MAX_S } from '../../../base/limits.ts';
import { silentLogger } from '../../../base/logger.ts';
import { openLog } from '../../../log/lmdb/lmdb-log.ts';
import { openLogLookup } from '../../../log/lmdb/log-lookup.ts';
import { noReceipts } from '../../../model/ports/ledger.ts';
import { silentMeter } from '../../../model/ports/meter.ts';
import { unwatched } from '../../../model/ports/presence.ts';
import { openStateStore } from '../../../state/lmdb/lmdb-state.ts';
import { MqttServer } from '../mqtt-server.ts';
import {
  connectPacket,
  publishPacket,
  RawClient,
  readPublish,
  subscribePacket,
  until,
} from '../test-client.ts';
import { FakeSecurity } from '../test-support.ts';
import type { Ports } from './client.fuzz.ts';

const LISTENERS = [
  { name: 'mqtt', transport: 'tcp', host: '127.0.0.1', port: 0 },
  { name: 'ws', transport: 'ws', host: '127.0.0.1', port: 0 },
] as const;
/** So little that the log trims what sessions still wait for. */
const LOG_MAX_BYTES = 32 * 1_048_576;
const LOG_MAX_AGE_MS = 10 * MQTT_SESSION_EXPIRY_MAX_S * 1_000;
const TICK_MS = 10;

export interface FuzzTarget extends AsyncDisposable {
  readonly ports: Ports;
  /** A client has come and gone: time passes, and what nobody needs is let go. */
  readonly tick: () => void;
  readonly sessions: number;
  readonly retained: number;
  /** All connections and sessions end by themselves; retained messages are taken away by a client. */
  forget(): Promise<void>;
}

export async function startTarget(): Promise<FuzzTarget> {
  const folder = mkdtempSync(join(tmpdir(), 'sensorium-fuzz-'));
  const path = join(folder, 'log');
  const [clock, logger, meter] = [new ManualClock(), silentLogger, silentMeter];
  const limits = { maxBytes: LOG_MAX_BYTES, maxAgeMs: LOG_MAX_AGE_MS, reserveBytes: 0 };
  const log = await openLog({ path, clock, logger, meter, ...limits });
  const lookup = openLogLookup({ path });
  const state = await openStateStore({ path: join(folder, 'state'), logger });
  const security = new FakeSecurity();
  const shared = { log, lookup, state, security, clock, logger, meter };
  const server = new MqttServer({
    version: '0',
    ...shared,
    listeners: LISTENERS,
    connections: unwatched,
    receipts: noReceipts,
  });
  await server.start();
  const { mqtt, ws } = server.addresses;
  const ports = { tcp: mqtt?.port ?? 0, ws: ws?.port };
  return {
    ports,
    tick() {
      clock.advance(TICK_MS);
      log.hold('fuzz', log.durable);
      security.asked.length = 0;
    },
    get sessions() {
      return server.registry.size;
    },
    get retained() {
      return server.broker.retainedMessages.size;
    },
    async forget() {
      await clearRetained(ports.tcp);
      clock.advance((MQTT_SESSION_EXPIRY_MAX_S + 1) * 1_000);
      await until(() => server.registry.size === 0);
      log.hold('fuzz', log.durable);
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      await lookup.close();
      await log.close();
      await state.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Of all topics but those that begin with `$`. */
async function clearRetained(port: number): Promise<void> {
  const client = await RawClient.dial(port);
  client.send(connectPacket('admin', { clientId: 'cleaner' }), subscribePacket(1, { '#': 0 }));
  await client.settled();
  for (const received of client.waiting) {
    if (received.header >> 4 !== 3) continue;
    const { topic, retain } = readPublish(received);
    if (retain) client.send(publishPacket(topic, '', { retain: true }));
  }
  await client.settled();
  client.destroy();
}
