/**
 * Acknowledgements that wait for the disk, in log order. One queue for all connections: offsets only grow, so a
 * commit pops from the front and never searches.
 */
import type { Offset } from '../../../model/packet.ts';

/** Who is to be told. `key` is the sender's own: packet id and kind of acknowledgement. */
export interface Acknowledged {
  committed(key: number): void;
  lost(): void;
}

const COMPACT_AT = 4_096;

export class PendingAcks {
  #offsets: Offset[] = [];
  #keys: number[] = [];
  #senders: Acknowledged[] = [];
  #head = 0;

  get size(): number {
    return this.#offsets.length - this.#head;
  }

  add(offset: Offset, sender: Acknowledged, key: number): void {
    this.#offsets.push(offset);
    this.#keys.push(key);
    this.#senders.push(sender);
  }

  /** Everything up to and including `through` is on disk. */
  committed(through: Offset): void {
    const { length } = this.#offsets;
    while (this.#head < length && (this.#offsets[this.#head] ?? 0) <= through) {
      const sender = this.#senders[this.#head];
      const key = this.#keys[this.#head] ?? 0;
      this.#head += 1;
      sender?.committed(key);
    }
    if (this.#head < COMPACT_AT && this.#head < length) return;
    this.#offsets = this.#offsets.slice(this.#head);
    this.#keys = this.#keys.slice(this.#head);
    this.#senders = this.#senders.slice(this.#head);
    this.#head = 0;
  }

  /** `from..through` will never be on disk. */
  lost(from: Offset, through: Offset): void {
    const isLost = (_: unknown, i: number): boolean => this.#isIn(i, from, through);
    const isKept = (_: unknown, i: number): boolean => i >= this.#head && !this.#isIn(i, from, through);
    const senders = new Set(this.#senders.filter(isLost));
    const offsets = this.#offsets.filter(isKept);
    this.#keys = this.#keys.filter(isKept);
    this.#senders = this.#senders.filter(isKept);
    this.#offsets = offsets;
    this.#head = 0;
    for (const sender of senders) sender.lost();
  }

  #isIn(index: number, from: Offset, through: Offset): boolean {
    const offset = this.#offsets[index] ?? 0;
    return index >= this.#head && offset >= from && offset <= through;
  }
}
