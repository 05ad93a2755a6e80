/** Fakes for the tests of this room: a log that commits when told, a security port with known names, a server. */

import { MemoryStateStore } from '../../../test/support/memory-state.ts';
import { ManualClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type ErrorCode, problem, type SensoriumError } from '../../model/errors.ts';
import type { EventType } from '../../model/events.ts';
import type { DeviceId } from '../../model/ids.ts';
import type { DataPacket, LogRecord, Offset } from '../../model/packet.ts';
import { noReceipts, type Receipts } from '../../model/ports/ledger.ts';
import { type Log, type LogListener, type LogLookup, REFUSED } from '../../model/ports/log.ts';
import type { Meter } from '../../model/ports/meter.ts';
import type { ConnectionWatch } from '../../model/ports/presence.ts';
import type {
  AuthExchange,
  ConnectCredentials,
  Principal,
  SecurityFacade,
  TopicPolicy,
} from '../../model/ports/security.ts';
import { MqttServer } from './mqtt-server.ts';
import { type ConnectOptions, connectPacket, RawClient } from './test-client.ts';
import type { ListenerRow } from './transport/link.ts';

/** The oracle: MQTT matching written from the text of section 4.7 and from nothing in this room. */
export function naivelyMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  const escape = (level: string): string => level.replaceAll(/[.*?^${}()|[\]\\]/g, String.raw`\$&`);
  const body = filter
    .split('/')
    .map((level) => (level === '+' ? '[^/]*' : escape(level)))
    .join('/')
    .replace(/^#$/, '.*')
    .replace(/\/#$/, '(/.*)?');
  return new RegExp(`^${body}$`, 's').test(topic);
}

/** Commits when told to; `isPrompt` commits by itself, a turn after each append. */
export class FakeLog implements Log, LogLookup {
  readonly packets: DataPacket[] = [];
  /** Offsets that were trimmed or lost. */
  readonly gone = new Set<Offset>();
  endangeredBelow = 0;
  holds = new Map<string, Offset>();
  readonly #listeners = new Set<LogListener>();
  readonly first = 0;
  /** Set where others have written since it was opened. */
  recoveredAt: Offset | undefined;
  readonly sizeBytes = 0;
  durable = 0;
  refusal: ErrorCode = 'log.congested';
  congested = false;
  isPrompt: boolean;
  isRefusing = false;

  constructor(isPrompt = true) {
    this.isPrompt = isPrompt;
  }

  get recovered(): Offset {
    return this.recoveredAt ?? this.next;
  }

  get next(): Offset {
    return this.packets.length;
  }

  get texts(): readonly string[] {
    return this.packets.map(({ payload }) => Buffer.from(payload).toString());
  }

  append(packet: DataPacket): Offset {
    if (this.isRefusing) return REFUSED;
    const meta = packet.meta && Uint8Array.from(packet.meta);
    this.packets.push({ ...packet, payload: Uint8Array.from(packet.payload), meta });
    if (this.isPrompt) setImmediate(() => this.commit());
    return this.packets.length - 1;
  }

  commit(through = this.next - 1): void {
    if (through < this.durable) return;
    this.durable = through + 1;
    for (const listener of this.#listeners) listener.committed(through);
  }

  fail(from: Offset, through: Offset): void {
    for (let offset = from; offset <= through; offset += 1) this.gone.add(offset);
    for (const listener of this.#listeners) listener.failed(from, through, problem('disk.full', 'full'));
  }

  congest(isCongested: boolean): void {
    this.congested = isCongested;
    for (const listener of this.#listeners) listener.congestion(isCongested);
  }

  listen(listener: LogListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  committed(): Promise<void> {
    return Promise.reject(new Error('MQTT listens'));
  }

  hold(consumer: string, from: Offset): void {
    this.holds.set(consumer, from);
  }

  release(consumer: string): void {
    this.holds.delete(consumer);
  }

  endangered(): Offset {
    return this.endangeredBelow;
  }

  get(offset: Offset): LogRecord | undefined {
    const packet = this.packets[offset];
    if (packet === undefined || offset >= this.durable || this.gone.has(offset)) return undefined;
    return { ...packet, offset };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const unused = (): never => {
  throw new Error('MQTT does not ask for this');
};

/** `admin` may all, a device its own tree `v1/{id}/…`; the password is `right`, `slow` ends when released. */
export class FakeSecurity implements SecurityFacade {
  readonly bearer = unused;
  readonly login = unused;
  readonly allows = unused;
  /** Methods of enhanced authentication, by name. */
  readonly exchanges = new Map<string, () => AuthExchange>();
  readonly issue = unused;
  readonly revoke = unused;
  readonly mint = unused;
  readonly localToken = '';
  readonly asked: ConnectCredentials[] = [];
  readonly #revoked = new Set<(principal: string) => void>();
  readonly #changed = new Set<(principal: string) => void>();
  /** Waits for `slow` passwords, in the order they came. */
  readonly held: (() => void)[] = [];
  /** Topics nobody may touch any more. */
  readonly forbidden = new Set<string>();
  expiresAt: number | undefined;
  fault: 'auth.unavailable' | 'auth.forbidden' | 'throws' | undefined;
  tls = { key: '', cert: '', ca: '' };

  async connect(credentials: ConnectCredentials): Promise<Result<Principal, SensoriumError>> {
    this.asked.push(credentials);
    const { username, password, certificateName } = credentials;
    const secret = Buffer.from(password ?? []).toString();
    if (this.fault === 'throws') throw new Error('broken');
    if (this.fault !== undefined) return err(problem(this.fault, 'no'));
    if (certificateName !== undefined) return ok({ kind: 'device', id: certificateName as DeviceId });
    if (secret === 'slow') await new Promise<void>((done) => this.held.push(done));
    if ((secret !== 'right' && secret !== 'slow') || username === undefined)
      return err(problem('auth.invalid', 'no'));
    if (username !== 'admin') return ok({ kind: 'device', id: username as DeviceId });
    return ok({ kind: 'user', id: 'admin', role: 'admin', expiresAt: this.expiresAt });
  }

  exchange(method: string): AuthExchange | undefined {
    return this.exchanges.get(method)?.();
  }

  topics(principal: Principal): TopicPolicy {
    const own = principal.kind === 'user' ? '' : `v1/${principal.id}/`;
    const may = (topic: string): boolean => topic.startsWith(own) && !this.forbidden.has(topic);
    return { mayPublish: may, maySubscribe: may, mayReceive: may };
  }

  onRevoked(listener: (principal: string) => void): () => void {
    this.#revoked.add(listener);
    return () => this.#revoked.delete(listener);
  }

  onPolicyChanged(listener: (principal: string) => void): () => void {
    this.#changed.add(listener);
    return () => this.#changed.delete(listener);
  }

  get listeners(): number {
    return this.#revoked.size + this.#changed.size;
  }

  end(principal: string): void {
    for (const listener of this.#revoked) listener(principal);
  }

  change(principal: string): void {
    for (const listener of this.#changed) listener(principal);
  }
}

/** Reads what is collected. */
class FakeMeter implements Meter {
  readonly #readers = new Map<string, () => number>();

  add(): void {
    throw new Error('the hot path keeps its own numbers');
  }

  observe(): void {
    throw new Error('MQTT observes nothing');
  }

  collect(name: string, read: () => number, labels: Readonly<Record<string, string>> = {}): () => void {
    const key = [name, ...Object.values(labels)].join(' ');
    if (this.#readers.has(key)) throw new Error(`${key} is collected already`);
    this.#readers.set(key, read);
    return () => this.#readers.delete(key);
  }

  /** "name label label" */
  read(key: string): number {
    const reader = this.#readers.get(key);
    if (reader === undefined) throw new Error(`${key} is not collected`);
    return reader();
  }

  get size(): number {
    return this.#readers.size;
  }
}

interface Told {
  readonly type: EventType;
  readonly data: unknown;
}

export interface Rig extends AsyncDisposable {
  readonly server: MqttServer;
  readonly log: FakeLog;
  readonly security: FakeSecurity;
  readonly state: MemoryStateStore;
  readonly meter: FakeMeter;
  readonly clock: ManualClock;
  readonly events: readonly Told[];
  readonly port: number;
  /** A raw connection that has said nothing. */
  dial(): Promise<RawClient>;
  /** A raw connection after its CONNACK. */
  client(name: string, options?: ConnectOptions): Promise<RawClient>;
}

interface RigOptions {
  readonly receipts?: Receipts | undefined;
  readonly log?: FakeLog;
  readonly security?: FakeSecurity;
  readonly state?: MemoryStateStore;
  readonly listeners?: readonly ListenerRow[];
}

export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const { log = new FakeLog(), security = new FakeSecurity(), state = new MemoryStateStore() } = options;
  const { listeners = [{ name: 'mqtt', transport: 'tcp', host: '127.0.0.1', port: 0 }] } = options;
  const meter = new FakeMeter();
  const clock = new ManualClock();
  const events: Told[] = [];
  const connections: ConnectionWatch = {
    connecting: () => undefined,
    connected: (data) => void events.push({ type: 'device.connected', data }),
    disconnected: ({ device, address }, reason) =>
      void events.push({ type: 'device.disconnected', data: { device, reason, address } }),
  };
  const shared = { log, security, state, meter, clock };
  const server = new MqttServer({
    ...shared,
    version: '1.2.3',
    lookup: log,
    listeners,
    connections,
    receipts: options.receipts ?? noReceipts,
    logger: silentLogger,
  });
  await server.start();
  const clients: RawClient[] = [];
  const port = server.addresses.mqtt?.port ?? 0;
  const dial = async (): Promise<RawClient> => {
    const client = await RawClient.dial(port);
    clients.push(client);
    return client;
  };
  return {
    ...shared,
    server,
    events,
    port,
    dial,
    async client(name, connectOptions) {
      const client = await dial();
      client.send(connectPacket(name, connectOptions));
      const answer = await client.next();
      if (answer.hex !== '20020000') throw new Error(`no admission: ${answer.hex}`);
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy();
      log.commit();
      await server.stop();
    },
  };
}
