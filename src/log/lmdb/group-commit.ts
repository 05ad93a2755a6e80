/**
 * Gathers records into blocks and blocks into commits. Owns the open block, the wait that lets others join, and the
 * one commit in flight; promises offsets in order and one answer per offset. It must not know what a commit does,
 * why appends are refused, or who waits.
 */
import { clearTimeout, setTimeout } from 'node:timers';
import {
  LOG_BLOCK_MAX_BYTES,
  LOG_COMMIT_MAX_BLOCKS,
  LOG_LINGER_MAX_MS,
  LOG_LINGER_MIN_MS,
  LOG_SPARE_BLOCKS,
} from '../../base/limits.ts';
import { asSensoriumError, type SensoriumError } from '../../model/errors.ts';
import type { DataPacket, Offset } from '../../model/packet.ts';
import { BLOCK_HEADER_BYTES, OpenBlock, storedBytes } from './block.ts';

/** Below this a commit costs more than the wait for company. */
const ENOUGH_MIN_RECORDS = 100;
const LINGER_TICKS = Math.ceil(LOG_LINGER_MAX_MS / LOG_LINGER_MIN_MS);

interface GroupCommitOptions {
  readonly next: Offset;
  /** Stored bytes of all blocks before the next one. */
  readonly bytesBefore: number;
  /** Resolves when the blocks are on disk, rejects with a SensoriumError. Called with none when only asked to run (`nudge`). */
  readonly write: (blocks: readonly OpenBlock[]) => Promise<void>;
  readonly committed: (through: Offset, bytesBefore: number) => void;
  /** Its commit failed; the owner calls `abandon` and decides when appends may go on. */
  readonly failed: (error: SensoriumError) => void;
}

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #next: Offset;
  #bytesBefore: number;
  #durableBytes: number;
  #open: OpenBlock | undefined;
  #sealed: OpenBlock[] = [];
  #spare: OpenBlock[] = [];
  #flight: readonly OpenBlock[] | undefined;
  #pendingBytes = 0;
  #nudged = false;
  #due = false;
  #timer: NodeJS.Timeout | undefined;
  #armed = false;
  #ticks = 0;
  #nextAtTick: Offset = 0;
  #idle: (() => void)[] = [];
  /**
   * Records that make a block worth a commit at once: as many as were acknowledged last and waited meanwhile. Senders
   * that wait for an acknowledgement before they go on are then all here again, and one commit for all of them costs
   * the same as one for half of them.
   */
  #enough = ENOUGH_MIN_RECORDS;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#next = options.next;
    this.#bytesBefore = options.bytesBefore;
    this.#durableBytes = options.bytesBefore;
  }

  get next(): Offset {
    return this.#next;
  }

  /** Record bytes accepted and not yet answered. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  append(packet: DataPacket, names: Uint8Array, size: number): Offset {
    let block = this.#open;
    if (block === undefined || !block.fits(size)) block = this.#turn(size);
    block.add(packet, names);
    this.#pendingBytes += size;
    const offset = this.#next;
    this.#next = offset + 1;
    if (this.#flight === undefined) this.#hasCome(block.count);
    return offset;
  }

  /** Commits when enough have come, and waits for others until then. */
  #hasCome(count: number): void {
    if (this.#due) return;
    if (count >= this.#enough) {
      this.#due = true;
      this.#kick();
    } else if (!this.#armed) this.#arm();
  }

  /** Runs a commit soon even when nothing was appended. */
  nudge(): void {
    this.#nudged = true;
    this.#kick();
  }

  /** Seals and commits what is open; resolves when nothing is pending any more, committed or failed. */
  async flush(): Promise<void> {
    if (this.#open !== undefined && this.#open.count > 0) this.#due = true;
    this.#kick();
    while (this.#flight !== undefined || this.#pendingBytes > 0) {
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    }
  }

  /** Drops everything pending; their first and last offset, or undefined where nothing was. */
  abandon(): { readonly from: Offset; readonly through: Offset } | undefined {
    const first = this.#flight?.[0] ?? this.#sealed[0] ?? this.#open;
    const from = first === undefined || first.count === 0 ? undefined : first.base;
    for (const block of this.#sealed.splice(0)) this.#recycle(block);
    if (this.#open !== undefined) this.#recycle(this.#open);
    this.#open = undefined;
    this.#due = false;
    this.#pendingBytes = 0;
    this.#bytesBefore = this.#durableBytes;
    return from === undefined ? undefined : { from, through: this.#next - 1 };
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Closes the full block and opens one that takes `size` bytes. */
  #turn(size: number): OpenBlock {
    if (this.#open !== undefined && this.#open.count > 0) {
      this.#seal(this.#open);
      this.#kick();
    }
    const needed = BLOCK_HEADER_BYTES + size;
    const block =
      needed > LOG_BLOCK_MAX_BYTES
        ? new OpenBlock(needed)
        : (this.#spare.pop() ?? new OpenBlock(LOG_BLOCK_MAX_BYTES));
    block.reset(this.#next);
    this.#open = block;
    return block;
  }

  #seal(block: OpenBlock): void {
    block.seal(this.#bytesBefore);
    this.#bytesBefore += storedBytes(block.size);
    this.#sealed.push(block);
    this.#open = undefined;
    this.#due = false;
  }

  /** The first tick ends the wait of a lone message; each tick that sees more arrive adds another, up to the bound. */
  #arm(): void {
    this.#armed = true;
    this.#ticks = 0;
    this.#nextAtTick = this.#next;
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#tick(), LOG_LINGER_MIN_MS);
    else this.#timer.refresh();
  }

  #tick(): void {
    this.#ticks += 1;
    const quiet = this.#next === this.#nextAtTick;
    if (!quiet && this.#ticks < LINGER_TICKS) {
      this.#nextAtTick = this.#next;
      this.#timer?.refresh();
      return;
    }
    this.#armed = false;
    if (this.#open === undefined || this.#open.count === 0) return;
    this.#due = true;
    this.#kick();
  }

  #kick(): void {
    if (this.#flight !== undefined) return;
    if (this.#due && this.#open !== undefined) this.#seal(this.#open);
    if (this.#sealed.length === 0 && !this.#nudged) return;
    this.#nudged = false;
    const blocks = this.#sealed.splice(0, LOG_COMMIT_MAX_BLOCKS);
    this.#flight = blocks;
    this.#options.write(blocks).then(
      () => this.#landed(blocks),
      (cause: unknown) => this.#crashed(blocks, asSensoriumError(cause)),
    );
  }

  #landed(blocks: readonly OpenBlock[]): void {
    this.#flight = undefined;
    const last = blocks.at(-1);
    if (last !== undefined) {
      const through = last.base + last.count - 1;
      let records = 0;
      for (const block of blocks) {
        records += block.count;
        this.#pendingBytes -= block.size - BLOCK_HEADER_BYTES;
        this.#durableBytes += storedBytes(block.size);
        this.#recycle(block);
      }
      // Full blocks go on before listeners run: the disk works while acknowledgements go out.
      this.#kick();
      this.#options.committed(through, this.#durableBytes);
      this.#enough = Math.max(ENOUGH_MIN_RECORDS, records + (this.#open?.count ?? 0));
    } else {
      this.#kick();
    }
    const waiting = this.#open?.count ?? 0;
    if (waiting > 0 && this.#flight === undefined) this.#hasCome(waiting);
    this.#tellIdle();
  }

  #crashed(blocks: readonly OpenBlock[], error: SensoriumError): void {
    this.#options.failed(error);
    this.#flight = undefined;
    for (const block of blocks) this.#recycle(block);
    this.#tellIdle();
  }

  #recycle(block: OpenBlock): void {
    const keep = block.bytes.length === LOG_BLOCK_MAX_BYTES && this.#spare.length < LOG_SPARE_BLOCKS;
    if (keep) this.#spare.push(block);
  }

  #tellIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
