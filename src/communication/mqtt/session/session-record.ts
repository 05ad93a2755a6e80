/**
 * A session as bytes: the record (who, subscriptions, expiry, will) as JSON, the flow (what is on its way) in binary,
 * since it is written with every commit that concerns the session. Owns both layouts.
 */
import type { Principal } from '../../../model/ports/security.ts';
import type { Retained } from '../broker/retained.ts';
import type { Will } from '../codec/connect.ts';
import { Flights } from './flights.ts';
import type { Session } from './session.ts';
import type { Subscription } from './subscription.ts';

interface StoredWill extends Omit<Will, 'payload' | 'passed'> {
  readonly payload: string;
  readonly passed: string;
  readonly dueAt: number | undefined;
}

export interface SessionRecord {
  readonly key: string;
  readonly clientId: string;
  readonly principal: Principal;
  readonly expiryS: number;
  readonly createdAt: number;
  /** Absent: it was connected when this was written. */
  readonly disconnectedAt?: number | undefined;
  readonly subscriptions: readonly Subscription[];
  readonly replaysDue: readonly string[];
  readonly will?: StoredWill | undefined;
}

export function recordOf(session: Session): SessionRecord {
  const { key, clientId, principal, expiryS, createdAt, disconnectedAt, will } = session;
  return {
    key,
    clientId,
    principal,
    expiryS,
    createdAt,
    disconnectedAt,
    subscriptions: [...session.subscriptions.values()],
    replaysDue: [...session.replays.names],
    will: will && {
      ...will,
      payload: will.payload.toString('base64'),
      passed: Buffer.from(will.passed).toString('base64'),
      dueAt: session.willDueAt,
    },
  };
}

export function willOf({
  will,
}: SessionRecord): { readonly will: Will; readonly dueAt: number | undefined } | undefined {
  if (will === undefined) return undefined;
  const { dueAt, payload, passed, ...rest } = will;
  return {
    will: { ...rest, payload: Buffer.from(payload, 'base64'), passed: Buffer.from(passed, 'base64') },
    dueAt,
  };
}

export interface Flow {
  readonly head: number;
  readonly tail: number;
  readonly flights: Flights;
  /** Topics of retained messages on their way, by packet id. */
  readonly replays: readonly (readonly [number, string])[];
  readonly received: ReadonlyMap<number, number>;
}

const HEAD_BYTES = 24;
const PAIR_BYTES = 10;

/** f64 head · f64 tail · u32 flights · u32 received · (u16 id · f64 value) each · topics of replays as JSON. Little endian. */
export function encodeFlow({ outbound, received }: Session): Uint8Array {
  const { queue, flights, replays } = outbound;
  const names = [...(replays ?? [])].map(([id, { topic }]: [number, Retained]) => [id, topic]);
  const tail = names.length === 0 ? '' : JSON.stringify(names);
  const count = (flights?.size ?? 0) + received.size;
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + count * PAIR_BYTES + Buffer.byteLength(tail));
  bytes.writeDoubleLE(queue?.head ?? 0, 0);
  bytes.writeDoubleLE(queue?.tail ?? 0, 8);
  bytes.writeUInt32LE(flights?.size ?? 0, 16);
  bytes.writeUInt32LE(received.size, 20);
  let at = HEAD_BYTES;
  const put = (id: number, value: number): void => {
    at = bytes.writeUInt16LE(id, at);
    at = bytes.writeDoubleLE(value, at);
  };
  for (const [id, packed] of flights?.entries() ?? []) put(id, packed);
  for (const [id, offset] of received) put(id, offset);
  bytes.write(tail, at);
  return bytes;
}

export function decodeFlow(stored: Uint8Array | undefined): Flow {
  const flights = new Flights();
  const received = new Map<number, number>();
  if (stored === undefined) return { head: 0, tail: 0, flights, replays: [], received };
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.length);
  const flightCount = bytes.readUInt32LE(16);
  const count = flightCount + bytes.readUInt32LE(20);
  let at = HEAD_BYTES;
  for (let i = 0; i < count; i += 1, at += PAIR_BYTES) {
    const id = bytes.readUInt16LE(at);
    const value = bytes.readDoubleLE(at + 2);
    if (i < flightCount) flights.restore(id, value);
    else received.set(id, value);
  }
  const replays: [number, string][] = at < bytes.length ? JSON.parse(bytes.toString('utf8', at)) : [];
  return { head: bytes.readDoubleLE(0), tail: bytes.readDoubleLE(8), flights, replays, received };
}
