/** Broker and sessions without sockets, for tests that crash: the objects are dropped, and others open what is on disk. */

import { ManualClock } from '../../../base/clock.ts';
import { type Logger, silentLogger } from '../../../base/logger.ts';
import { noReceipts } from '../../../model/ports/ledger.ts';
import type { Log, LogLookup } from '../../../model/ports/log.ts';
import type { Principal } from '../../../model/ports/security.ts';
import type { StateStore } from '../../../model/ports/state.ts';
import { Broker } from '../broker/broker.ts';
import type { Will } from '../codec/connect.ts';
import type { SubscriptionRequest } from '../codec/subscribe.ts';
import { shareOf } from '../codec/topics.ts';
import { FakeSecurity } from '../test-support.ts';
import type { Session } from './session.ts';
import { type Opened, SessionRegistry } from './session-registry.ts';
import { TestReceiver } from './test-receiver.ts';

const ADMIN: Principal = { kind: 'user', id: 'admin', role: 'admin' };

interface ClientOptions {
  readonly expiryS?: number;
  readonly clean?: boolean;
  readonly will?: Will;
  readonly window?: number;
  readonly principal?: Principal;
}

export interface WorldClient {
  readonly session: Session;
  readonly receiver: TestReceiver;
  readonly opened: Opened;
}

interface PublishOptions {
  readonly retain?: boolean;
  readonly from?: Session;
  readonly packetId?: number;
  readonly expiryS?: number;
}

export const will = (topic: string, payload: string, delayS = 0): Will => ({
  topic,
  payload: Buffer.from(payload),
  qos: 1,
  retain: false,
  delayS,
  expiryS: undefined,
  passed: new Uint8Array(0),
});

export interface WorldParts {
  readonly state: StateStore;
  readonly log: Log;
  readonly lookup: LogLookup;
  readonly clock?: ManualClock;
  readonly logger?: Logger;
}

export class World {
  readonly broker: Broker;
  readonly registry: SessionRegistry;
  readonly clock: ManualClock;
  readonly state: StateStore;
  readonly security = new FakeSecurity();

  constructor({ state, log, lookup, clock = new ManualClock(), logger = silentLogger }: WorldParts) {
    this.clock = clock;
    this.state = state;
    const now = (): number => clock.now();
    this.broker = new Broker({
      log,
      lookup,
      state,
      logger,
      now,
      onCongestion: () => undefined,
      flush: () => undefined,
    });
    this.registry = new SessionRegistry({
      broker: this.broker,
      log,
      state,
      logger,
      now,
      policyOf: (principal) => this.security.topics(principal),
      sys: () => [][Symbol.iterator](),
      receipts: noReceipts,
    });
  }

  static async started(parts: WorldParts): Promise<World> {
    const world = new World(parts);
    world.broker.start((from, through) => world.registry.lost(from, through));
    await world.registry.start();
    return world;
  }

  connect(name: string, options: ClientOptions = {}): WorldClient {
    const { expiryS = 3_600, clean = false, will: last, window, principal = ADMIN } = options;
    const policy = this.security.topics(principal);
    const identity = { key: `${principal.id} ${name}`, clientId: name, principal, policy };
    const opened = this.registry.open({ ...identity, clean, expiryS, will: last });
    if (typeof opened === 'number') throw new Error(`refused: ${opened}`);
    const receiver = new TestReceiver(window);
    opened.session.attach(receiver);
    return { session: opened.session, receiver, opened };
  }

  /** The code of SUBACK. */
  subscribe(
    session: Session,
    filter: string,
    qos: 0 | 1 | 2 = 1,
    more: Partial<SubscriptionRequest> = {},
  ): number {
    const plain = {
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
      invalid: undefined,
    } as const;
    const request = { filter, qos, share: shareOf(filter), ...plain, ...more };
    const code = this.registry.subscribe(session, request, 0);
    session.replays.pump();
    return code;
  }

  publish(topic: string, text: string, qos: 0 | 1 | 2 = 1, options: PublishOptions = {}): number {
    const { retain = false, from, packetId = 0, expiryS } = options;
    const receivedAt = this.clock.now();
    const rest = { origin: '@admin', passed: undefined, session: from, receivedAt } as const;
    const payload = Buffer.from(text);
    const offset = this.broker.publish({ ...rest, topic, payload, qos, retain, packetId, expiryS });
    if (qos === 2 && packetId !== 0) from?.keepReceived(packetId, offset);
    return offset;
  }

  /** The connection is gone, without DISCONNECT. */
  lose({ session }: WorldClient): void {
    this.registry.close(session, { sendsWill: true });
  }

  /** All that changed is on disk. */
  stored(): Promise<void> {
    return new Promise((done) => this.registry.whenStored(done));
  }

  dropped(reason: Parameters<Broker['dropped']>[0]): number {
    return this.broker.counts.dropped.get(reason) ?? 0;
  }
}

/** Texts of what waits, or is on its way, for a session. */
export function pendingOf(world: World, session: Session): readonly string[] {
  const offsets = [...session.outbound.offsetsBefore(Number.POSITIVE_INFINITY)];
  return offsets.map((offset) => {
    const record = world.broker.record(offset);
    return record === undefined ? '?' : Buffer.from(record.payload).toString();
  });
}
