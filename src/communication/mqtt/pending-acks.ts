/**
 * Acknowledgements that wait for the disk, in log order. One queue for all connections: offsets only grow, so a
 * commit pops from the front and never searches.
 */
import type { Offset } from '../../model/packet.ts';
import type { Connection } from './connection.ts';

const COMPACT_AT = 4_096;

export class PendingAcks {
  #offsets: Offset[] = [];
  #packetIds: number[] = [];
  #connections: Connection[] = [];
  #head = 0;

  add(offset: Offset, connection: Connection, packetId: number): void {
    this.#offsets.push(offset);
    this.#packetIds.push(packetId);
    this.#connections.push(connection);
  }

  /** Hands on everything up to and including `through`. */
  take(through: Offset, each: (connection: Connection, packetId: number) => void): void {
    while (this.#head < this.#offsets.length && (this.#offsets[this.#head] ?? 0) <= through) {
      const connection = this.#connections[this.#head];
      const packetId = this.#packetIds[this.#head] ?? 0;
      this.#head += 1;
      if (connection !== undefined) each(connection, packetId);
    }
    if (this.#head < COMPACT_AT && this.#head < this.#offsets.length) return;
    this.#offsets = this.#offsets.slice(this.#head);
    this.#packetIds = this.#packetIds.slice(this.#head);
    this.#connections = this.#connections.slice(this.#head);
    this.#head = 0;
  }

  get size(): number {
    return this.#offsets.length - this.#head;
  }
}
