/**
 * Retained messages: durable, counted, limited. In memory as a tree of topic levels, so that a subscription costs what
 * it matches; in the state store for the next start. What the store could not take is tried again until it can.
 */
import { MQTT_RETAINED_MAX, MQTT_RETAINED_MAX_BYTES } from '../../../base/limits.ts';
import type { StateStore, StateTable } from '../../../model/ports/state.ts';

export interface Retained {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
  /** MQTT 5 properties that are forwarded unaltered, encoded. */
  readonly passed: Uint8Array | undefined;
  /** Milliseconds since the epoch; undefined = never. */
  readonly expiresAt: number | undefined;
}

interface Node {
  children: Map<string, Node> | undefined;
  message: Retained | undefined;
}

/** A write on its way; `next` speaks for everything that came after it had begun. */
interface Write {
  readonly ended: PromiseWithResolvers<void>;
  next: Promise<void> | undefined;
}

const emptyNode = (): Node => ({ children: undefined, message: undefined });

export class RetainedMessages {
  readonly #table: StateTable<Uint8Array>;
  readonly #root = emptyNode();
  /** Topics whose last write failed. */
  readonly #unsaved = new Set<string>();
  /** One at a time for each topic: a store that stalls then holds no more copies than there are topics. */
  readonly #writes = new Map<string, Write>();
  /** Topics of messages that expire. */
  readonly #expiring = new Set<string>();
  #size = 0;
  #bytes = 0;
  #isLoaded = false;

  constructor(state: StateStore) {
    this.#table = state.bytes('retained');
  }

  get size(): number {
    return this.#size;
  }

  /** Reads what the last run left; once, since then memory knows better than a write that is still on its way. */
  load(): void {
    if (this.#isLoaded) return;
    for (const [topic, bytes] of this.#table.entries()) {
      this.#put(restored(topic, bytes));
    }
    this.#isLoaded = true;
  }

  /**
   * Keeps, or with an empty payload forgets [MQTT-3.3.1-10], at once; resolves when that is on disk, rejects when the
   * store failed. Undefined: a limit is reached and nothing changed.
   */
  set(message: Retained): Promise<void> | undefined {
    const { topic, payload, passed } = message;
    if (payload.length === 0) {
      const isKnown = this.#remove(topic) || this.#unsaved.has(topic) || this.#writes.has(topic);
      if (!isKnown) return Promise.resolve();
      return this.#save(topic);
    }
    const before = this.#find(topic)?.message;
    const size = this.#size + (before === undefined ? 1 : 0);
    const bytes = this.#bytes + sizeOf(message) - (before === undefined ? 0 : sizeOf(before));
    if (size > MQTT_RETAINED_MAX || bytes > MQTT_RETAINED_MAX_BYTES) return undefined;
    // Copied: the payload is a view into a chunk of the socket.
    this.#put({ ...message, payload: Uint8Array.from(payload), passed: passed && Uint8Array.from(passed) });
    return this.#save(topic);
  }

  get(topic: string): Retained | undefined {
    return this.#find(topic)?.message;
  }

  /** Forgets what has expired [MQTT-3.3.2-5]; a failed write is tried again by `retry`. */
  expire(now: number): void {
    for (const topic of this.#expiring) {
      const expiresAt = this.get(topic)?.expiresAt;
      if (expiresAt === undefined) this.#expiring.delete(topic);
      else if (expiresAt <= now && this.#remove(topic)) this.#save(topic).catch(() => undefined);
    }
  }

  /** Writes again what failed; one failure ends the round. */
  async retry(): Promise<void> {
    for (const topic of this.#unsaved) {
      try {
        await this.#save(topic);
      } catch {
        return;
      }
    }
  }

  /** What `filter` matches and has not expired. Lazy: the messages may change between two steps. */
  *matching(filter: string, now: () => number = () => 0): Generator<Retained> {
    for (const message of this.#walk(this.#root, filter.split('/'), 0)) {
      if (message.expiresAt === undefined || message.expiresAt > now()) yield message;
    }
  }

  *#walk(node: Node, levels: readonly string[], at: number): Generator<Retained> {
    const level = levels[at];
    if (level === undefined) {
      if (node.message !== undefined) yield node.message;
      return;
    }
    if (level === '#') {
      yield* this.#below(node, at === 0);
      return;
    }
    if (level !== '+') {
      const next = node.children?.get(level);
      if (next !== undefined) yield* this.#walk(next, levels, at + 1);
      return;
    }
    for (const [name, next] of node.children ?? []) {
      if (at > 0 || !name.startsWith('$')) yield* this.#walk(next, levels, at + 1);
    }
  }

  /** `a/#` matches `a` itself [4.7.1.2]; a wildcard in front does not match `$…` [MQTT-4.7.2-1]. */
  *#below(node: Node, isRoot: boolean): Generator<Retained> {
    if (node.message !== undefined) yield node.message;
    for (const [name, next] of node.children ?? []) {
      if (!isRoot || !name.startsWith('$')) yield* this.#below(next, false);
    }
  }

  #save(topic: string): Promise<void> {
    const write = this.#writes.get(topic);
    if (write === undefined) return this.#write(topic);
    write.next ??= write.ended.promise.then(() => this.#write(topic));
    return write.next;
  }

  async #write(topic: string): Promise<void> {
    const write: Write = { ended: Promise.withResolvers(), next: undefined };
    this.#writes.set(topic, write);
    const message = this.#find(topic)?.message;
    try {
      if (message === undefined) await this.#table.remove(topic);
      else await this.#table.put(topic, stored(message));
      this.#unsaved.delete(topic);
    } catch (cause) {
      this.#unsaved.add(topic);
      throw cause;
    } finally {
      // Where a next one waits the topic stays taken, or a third could begin before it.
      if (write.next === undefined) this.#writes.delete(topic);
      write.ended.resolve();
    }
  }

  #find(topic: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const level of topic.split('/')) node = node?.children?.get(level);
    return node;
  }

  #put(message: Retained): void {
    let node = this.#root;
    for (const level of message.topic.split('/')) {
      node.children ??= new Map();
      let next = node.children.get(level);
      if (next === undefined) node.children.set(level, (next = emptyNode()));
      node = next;
    }
    if (node.message === undefined) this.#size += 1;
    this.#bytes += sizeOf(message) - (node.message === undefined ? 0 : sizeOf(node.message));
    node.message = message;
    if (message.expiresAt === undefined) this.#expiring.delete(message.topic);
    else this.#expiring.add(message.topic);
  }

  #remove(topic: string): boolean {
    const path: [Node, string][] = [];
    let node = this.#root;
    for (const level of topic.split('/')) {
      const next = node.children?.get(level);
      if (next === undefined) return false;
      path.push([node, level]);
      node = next;
    }
    if (node.message === undefined) return false;
    this.#size -= 1;
    this.#bytes -= sizeOf(node.message);
    this.#expiring.delete(topic);
    node.message = undefined;
    for (const [parent, level] of path.toReversed()) {
      const child = parent.children?.get(level);
      if (child === undefined || child.message !== undefined || (child.children?.size ?? 0) > 0) break;
      parent.children?.delete(level);
    }
    return true;
  }
}

const sizeOf = ({ payload, passed }: Retained): number => payload.length + (passed?.length ?? 0);

/** On disk: u8 QoS · payload; or, with this bit, u8 QoS · f64 expiresAt (NaN = never) · u32 length · passed · payload. */
const LONG = 0x10;
const LONG_HEAD_BYTES = 13;

function stored({ qos, payload, passed, expiresAt }: Retained): Uint8Array {
  if (passed === undefined && expiresAt === undefined) return Buffer.concat([Buffer.from([qos]), payload]);
  const head = Buffer.alloc(LONG_HEAD_BYTES);
  head[0] = LONG | qos;
  head.writeDoubleLE(expiresAt ?? Number.NaN, 1);
  head.writeUInt32LE(passed?.length ?? 0, 9);
  return Buffer.concat([head, passed ?? Buffer.alloc(0), payload]);
}

function restored(topic: string, bytes: Uint8Array): Retained {
  const first = bytes[0] ?? 0;
  const low = first & 3;
  const qos = low === 0 ? 0 : low === 1 ? 1 : 2;
  if ((first & LONG) === 0)
    return {
      topic,
      qos,
      payload: Uint8Array.from(bytes.subarray(1)),
      passed: undefined,
      expiresAt: undefined,
    };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const expiresAt = view.getFloat64(1, true);
  const payloadAt = LONG_HEAD_BYTES + view.getUint32(9, true);
  return {
    topic,
    qos,
    payload: Uint8Array.from(bytes.subarray(payloadAt)),
    passed:
      payloadAt === LONG_HEAD_BYTES ? undefined : Uint8Array.from(bytes.subarray(LONG_HEAD_BYTES, payloadAt)),
    expiresAt: Number.isNaN(expiresAt) ? undefined : expiresAt,
  };
}
