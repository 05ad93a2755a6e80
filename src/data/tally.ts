import type { DataPacket } from '../model/packet.ts';
import { DROP_REASONS, LEDGER_ORIGIN } from '../model/ports/ledger.ts';

/**
 * A tally: what was received since the one before, by sender and hour, as a record of the log. It is durable with the
 * messages it counts, and stands exactly behind the last of them. Owns its bytes; it must not know who counts or who adds up.
 */

export interface TallyEntry {
  readonly origin: string;
  /** Hours since the epoch. */
  readonly hour: number;
  readonly received: number;
  /** Of them, by position in DROP_REASONS: those that are not in the log. */
  readonly drops: readonly (readonly [reason: number, count: number])[];
}

export interface Tally {
  /** The first of its process: nobody knows of what came before and was not tallied. */
  readonly isFirst: boolean;
  readonly entries: readonly TallyEntry[];
}

const VERSION = 1;
const TOPIC = '$ledger';

type Flat = readonly [origin: string, hour: number, received: number, drops: readonly number[]];

export function encodeTally({ isFirst, entries }: Tally, receivedAt: number): DataPacket {
  const flat = entries.map(
    ({ origin, hour, received, drops }): Flat => [origin, hour, received, drops.flat()],
  );
  return {
    origin: LEDGER_ORIGIN,
    topic: TOPIC,
    payload: Buffer.from(JSON.stringify([VERSION, isFirst ? 1 : 0, flat])),
    receivedAt,
    // QoS 0 would be shed when it matters most; `checked`: nobody is subscribed to it.
    qos: 1,
    format: 'json',
    checked: true,
  };
}

/** Of a layout of a later version it makes an empty one: what it counts stays open in the ledger, as if the door had not told. */
export function decodeTally(payload: Uint8Array): Tally {
  const [version, isFirst, flat] = JSON.parse(Buffer.from(payload).toString()) as [number, number, Flat[]];
  if (version !== VERSION) return { isFirst: false, entries: [] };
  const entries = flat.map(([origin, hour, received, drops]) => ({
    origin,
    hour,
    received,
    drops: pairsOf(drops),
  }));
  return { isFirst: isFirst === 1, entries };
}

function pairsOf(flat: readonly number[]): (readonly [number, number])[] {
  const pairs: (readonly [number, number])[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const reason = flat[at] ?? 0;
    if (reason < DROP_REASONS.length) pairs.push([reason, flat[at + 1] ?? 0]);
  }
  return pairs;
}
