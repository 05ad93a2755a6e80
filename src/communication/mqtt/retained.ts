/**
 * Retained messages: durable, counted, limited. In memory as a tree of topic levels, so that a subscription costs what
 * it matches; in the state store for the next start. What the store could not take is tried again until it can.
 */
import { MQTT_RETAINED_MAX, MQTT_RETAINED_MAX_BYTES } from '../../base/limits.ts';
import type { StateStore, StateTable } from '../../model/ports/state.ts';

export interface Retained {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1 | 2;
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
      const qos = bytes[0] === 0 ? 0 : bytes[0] === 1 ? 1 : 2;
      this.#put({ topic, qos, payload: Uint8Array.from(bytes.subarray(1)) });
    }
    this.#isLoaded = true;
  }

  /**
   * Keeps, or with an empty payload forgets [MQTT-3.3.1-10], at once; resolves when that is on disk, rejects when the
   * store failed. Undefined: a limit is reached and nothing changed.
   */
  set(topic: string, payload: Uint8Array, qos: 0 | 1 | 2): Promise<void> | undefined {
    if (payload.length === 0) {
      const isKnown = this.#remove(topic) || this.#unsaved.has(topic) || this.#writes.has(topic);
      if (!isKnown) return Promise.resolve();
      return this.#save(topic);
    }
    const before = this.#find(topic)?.message;
    const size = this.#size + (before === undefined ? 1 : 0);
    const bytes = this.#bytes + payload.length - (before?.payload.length ?? 0);
    if (size > MQTT_RETAINED_MAX || bytes > MQTT_RETAINED_MAX_BYTES) return undefined;
    // Copied: the payload is a view into a chunk of the socket.
    this.#put({ topic, qos, payload: Uint8Array.from(payload) });
    return this.#save(topic);
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

  /** What `filter` matches. Lazy: the messages may change between two steps. */
  *matching(filter: string): Generator<Retained> {
    yield* this.#walk(this.#root, filter.split('/'), 0);
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
    this.#bytes += message.payload.length - (node.message?.payload.length ?? 0);
    node.message = message;
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
    this.#bytes -= node.message.payload.length;
    node.message = undefined;
    for (const [parent, level] of path.toReversed()) {
      const child = parent.children?.get(level);
      if (child === undefined || child.message !== undefined || (child.children?.size ?? 0) > 0) break;
      parent.children?.delete(level);
    }
    return true;
  }
}

/** On disk: one byte of QoS, then the payload. */
function stored({ qos, payload }: Retained): Uint8Array {
  const bytes = new Uint8Array(payload.length + 1);
  bytes[0] = qos;
  bytes.set(payload, 1);
  return bytes;
}
