/**
 * Messages that sessions still wait for and that the log is about to trim, copied out in time. Promises that a session's
 * queue does not hold the log's disk space back; owns the table and its bound.
 */
import { MQTT_KEPT_MAX_BYTES } from '../../../base/limits.ts';
import type { LogRecord, Offset } from '../../../model/packet.ts';
import type { StateStore, StateTable } from '../../../model/ports/state.ts';

interface KeptHead {
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly receivedAt: number;
  readonly origin: string;
  readonly metaBytes: number;
}

const offsetKey = (offset: Offset): string => offset.toString(36).padStart(11, '0');

export class KeptMessages {
  readonly #state: StateStore;
  readonly #table: StateTable<Uint8Array>;
  #sizes = new Map<Offset, number>();
  #bytes = 0;

  constructor(state: StateStore) {
    this.#state = state;
    this.#table = state.bytes('mqtt-kept');
  }

  get size(): number {
    return this.#sizes.size;
  }

  load(): void {
    this.#sizes = new Map();
    this.#bytes = 0;
    for (const [key, bytes] of this.#table.entries()) this.#count(Number.parseInt(key, 36), bytes.length);
  }

  has(offset: Offset): boolean {
    return this.#sizes.has(offset);
  }

  get(offset: Offset): LogRecord | undefined {
    if (!this.#sizes.has(offset)) return undefined;
    const stored = this.#table.get(offsetKey(offset));
    return stored === undefined ? undefined : decode(offset, stored);
  }

  /** Copies what `read` has of these; those that do not fit the bound stay where they are. Resolves when on disk. */
  async keep(offsets: Iterable<Offset>, read: (offset: Offset) => LogRecord | undefined): Promise<void> {
    const copies: [Offset, Uint8Array][] = [];
    let bytes = this.#bytes;
    for (const offset of offsets) {
      const record = this.#sizes.has(offset) ? undefined : read(offset);
      if (record === undefined) continue;
      const copy = encode(record);
      if (bytes + copy.length > MQTT_KEPT_MAX_BYTES) break;
      bytes += copy.length;
      copies.push([offset, copy]);
    }
    if (copies.length === 0) return;
    await this.#state.batch(() => {
      for (const [offset, copy] of copies) void this.#table.put(offsetKey(offset), copy);
    });
    for (const [offset, copy] of copies) this.#count(offset, copy.length);
  }

  /** Nobody needs anything below `offset` any more. */
  async forgetBefore(offset: Offset): Promise<void> {
    const gone = [...this.#sizes.keys()].filter((kept) => kept < offset);
    if (gone.length === 0) return;
    for (const kept of gone) {
      this.#bytes -= this.#sizes.get(kept) ?? 0;
      this.#sizes.delete(kept);
    }
    await this.#state.batch(() => {
      for (const kept of gone) void this.#table.remove(offsetKey(kept));
    });
  }

  #count(offset: Offset, bytes: number): void {
    this.#sizes.set(offset, bytes);
    this.#bytes += bytes;
  }
}

/** u32 length of the head · head as JSON · meta · payload. */
function encode({ topic, qos, receivedAt, origin, meta, payload }: LogRecord): Uint8Array {
  const head: KeptHead = { topic, qos, receivedAt, origin, metaBytes: meta?.length ?? 0 };
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, text, meta ?? Buffer.alloc(0), payload]);
}

function decode(offset: Offset, stored: Uint8Array): LogRecord {
  const bytes = Buffer.from(stored.buffer, stored.byteOffset, stored.length);
  const headEnd = 4 + bytes.readUInt32LE(0);
  const head: KeptHead = JSON.parse(bytes.toString('utf8', 4, headEnd));
  const payloadAt = headEnd + head.metaBytes;
  return {
    offset,
    origin: head.origin as LogRecord['origin'],
    topic: head.topic,
    qos: head.qos,
    receivedAt: head.receivedAt,
    meta: head.metaBytes === 0 ? undefined : bytes.subarray(headEnd, payloadAt),
    payload: bytes.subarray(payloadAt),
    format: 'auto',
    checked: false,
  };
}
