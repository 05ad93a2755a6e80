import type { ErrorCode, SensoriumError } from '../errors.ts';
import type { DataPacket, LogRecord, Offset } from '../packet.ts';

/** `append` answers this instead of an offset when it refuses; `refusal` says why. */
export const REFUSED = -1;

/** Told once per group commit, in offset order. A listener that throws is a bug of the listener. */
export interface LogListener {
  /** Everything up to and including `through` is on disk: acknowledge now. */
  committed(through: Offset): void;
  /** `from..through` never got to disk and must not be acknowledged; the log goes on with later offsets. */
  failed(from: Offset, through: Offset, error: SensoriumError): void;
  /** `congested` changed: pause or resume the sources. */
  congestion(congested: boolean): void;
}

/** The durable log: the one place where a message becomes "acknowledged". */
export interface Log {
  /** Copies the packet into the open block and returns its offset, or REFUSED. Never waits, never throws. */
  append(packet: DataPacket): Offset;
  /** Why the last `append` was refused. */
  readonly refusal: ErrorCode;
  /** True while more than LOG_PENDING_MAX_BYTES wait for the disk. `append` still accepts up to twice that. */
  readonly congested: boolean;
  /** The first offset kept, the next to be given, and the first not yet on disk. */
  readonly first: Offset;
  readonly next: Offset;
  readonly durable: Offset;
  listen(listener: LogListener): () => void;
  /** Resolves when `offset` is on disk; rejects with the error if its commit failed. */
  committed(offset: Offset): Promise<void>;
  /** Consumers hold the log back: nothing at or above a consumer's offset is trimmed. */
  hold(consumer: string, from: Offset): void;
  /** Bytes on disk. */
  readonly sizeBytes: number;
}

/** Read side, usable on another thread while the writer goes on. */
export interface LogReader {
  /**
   * Calls `each` for records from `from` on, in order, until about `maxBytes` of blocks are read or the durable
   * end is reached. The record object and its payload view are reused: valid only during the call. Returns the
   * offset to go on from. Throws SensoriumError('log.corrupt') at a block whose checksum fails.
   */
  read(from: Offset, maxBytes: number, each: (record: LogRecord) => void): Offset;
  readonly first: Offset;
  close(): Promise<void>;
}
