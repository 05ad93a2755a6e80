import { REPLAY_STEP_MAX_BYTES, REPLAY_STEP_PACKETS_MAX } from '../base/limits.ts';
import type { ErrorCode } from '../model/errors.ts';
import type { LogRecord, Offset } from '../model/packet.ts';
import type { QuarantineOutcome, QuarantineStep } from '../model/ports/quarantine.ts';
import type { Batch } from './pipeline/batch.ts';
import type { Ledger } from './pipeline/ledger.ts';
import type { Pipeline } from './pipeline/pipeline.ts';
import type { SetAside } from './pipeline/set-aside.ts';
import type { Store } from './store/store.ts';

/**
 * One step over the quarantine: packets run through the pipeline again, as it is today, into a batch of their own. What
 * is stored by it, and what leaves the quarantine, belongs to one commit: a crash before it changes nothing, a crash
 * after it nothing more. It must not know how a batch is committed.
 */

interface ReplayParts {
  readonly batch: Batch;
  readonly pipeline: Pipeline;
  readonly ledger: Ledger;
  readonly store: Pick<Store, 'asides'>;
}

export interface ReplayedStep {
  readonly outcome: QuarantineOutcome;
  /** Packets that leave the quarantine with the commit; the batch has those that come again with new reasons. */
  readonly released: readonly Offset[];
}

type Counts = { -readonly [K in keyof Omit<QuarantineOutcome, 'codes' | 'next'>]: number };

/** Before the first offset there is. */
const BEGINNING: Offset = -1;

/** Fills the batch, which is empty before, and the ledger. Throws StageFault, and what the store throws. */
export async function replayStep(step: QuarantineStep, parts: ReplayParts): Promise<ReplayedStep> {
  const { packets, hasMore } = await parts.store.asides({
    filter: step,
    offset: step.offset,
    after: step.after ?? BEGINNING,
    limit: Math.min(step.limit ?? REPLAY_STEP_PACKETS_MAX, REPLAY_STEP_PACKETS_MAX),
    maxBytes: REPLAY_STEP_MAX_BYTES,
  });
  const replay = new Replay(parts);
  for (const packet of packets) {
    if (step.action === 'drop') replay.drop(packet);
    else replay.again(packet);
  }
  // They have been counted when they were refused first.
  parts.batch.rejections.clear();
  const next = hasMore ? packets.at(-1)?.offset : undefined;
  return { outcome: { ...replay.counts, codes: replay.codes, next }, released: replay.released };
}

class Replay {
  readonly counts: Counts = {
    tried: 0,
    stored: 0,
    forwarded: 0,
    partly: 0,
    left: 0,
    dropped: 0,
    readings: 0,
  };
  readonly codes: Partial<Record<ErrorCode, number>> = {};
  readonly released: Offset[] = [];
  readonly #parts: ReplayParts;

  constructor(parts: ReplayParts) {
    this.#parts = parts;
  }

  drop({ offset, origin, receivedAt, isStored }: SetAside): void {
    this.released.push(offset);
    this.counts.dropped += 1;
    // Of a packet that is stored in part, only the refused rest goes.
    if (!isStored) this.#parts.ledger.move(origin, receivedAt, 'discarded');
  }

  again(packet: SetAside): void {
    this.counts.tried += 1;
    const record = recordOf(packet);
    if (record === undefined) this.#leave('quarantine.no_payload');
    else if (packet.part?.bits.every((byte) => byte === 0) === true) this.#leave('quarantine.derived');
    else if (packet.part !== undefined && !this.#isSame(packet, record)) this.#leave('quarantine.changed');
    else this.#take(packet, record);
  }

  #take(packet: SetAside, record: LogRecord): void {
    const { batch, pipeline, ledger } = this.#parts;
    const readings = batch.readings;
    const outcome = pipeline.take(record, { part: packet.part });
    // Its place among the totals is that of when it came: it has only moved.
    batch.packets -= 1;
    batch[outcome] -= 1;
    if (!packet.isStored && outcome !== 'quarantined') {
      batch[outcome] += 1;
      batch.quarantined -= 1;
      ledger.move(packet.origin, packet.receivedAt, outcome);
    }
    this.released.push(packet.offset);
    const gained = batch.readings - readings;
    this.counts.readings += gained;
    const isLeft = batch.asides.at(-1)?.offset === packet.offset;
    if (!isLeft) this.counts[outcome === 'forwarded' && !packet.isStored ? 'forwarded' : 'stored'] += 1;
    else this.#leave(batch.quarantine.at(-1)?.code ?? 'internal', gained > 0 ? 'partly' : 'left');
  }

  #leave(code: ErrorCode, how: 'partly' | 'left' = 'left'): void {
    this.counts[how] += 1;
    this.codes[code] = (this.codes[code] ?? 0) + 1;
  }

  /** True where the values of the packet are still numbered as they were. */
  #isSame({ part }: SetAside, record: LogRecord): boolean {
    const { calls, hash } = this.#parts.pipeline.trace(record);
    return part?.calls === calls && part.trace === hash;
  }
}

/** Undefined where the packet cannot be tried: nothing says which of its values are stored, or what they are. */
function recordOf(packet: SetAside): LogRecord | undefined {
  const { offset, origin, topic, payload, receivedAt, format, isStored, part } = packet;
  if (payload === undefined || (isStored && part === undefined)) return undefined;
  return {
    offset,
    origin: origin as LogRecord['origin'],
    topic,
    payload,
    receivedAt,
    qos: 1,
    format,
    checked: false,
  };
}
