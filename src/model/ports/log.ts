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
  /**
   * True while more than LOG_PENDING_MAX_BYTES wait for the disk, or consumers are LOG_PAUSE_SHARE of the budget behind.
   * `append` still accepts up to twice that, and up to the whole budget. QoS 0 is refused earlier (`log.shedding`).
   */
  readonly congested: boolean;
  /** The first offset kept, the next to be given, and the first not yet on disk. */
  readonly first: Offset;
  readonly next: Offset;
  readonly durable: Offset;
  /** Where it went on when it was opened: an offset from here on that was given before that has been lost. */
  readonly recovered: Offset;
  listen(listener: LogListener): () => void;
  /** Resolves when `offset` is on disk; rejects with the error if its commit failed. */
  committed(offset: Offset): Promise<void>;
  /** Consumers hold the log back: nothing at or above a consumer's offset is trimmed. */
  hold(consumer: string, from: Offset): void;
  /** The consumer is gone for good. With none left all is held, as before the first. */
  release(consumer: string): void;
  /**
   * The first offset that would stay if the budget of bytes and the maximal age were `share` (0..1) of what they
   * are, whoever holds the log back; 0 where all would. What is needed below it should be copied elsewhere soon.
   */
  endangered(share: number): Offset;
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
  /**
   * What the next `read` of this turn can see ends here: who has something to do before he reads it does so between.
   */
  snapshot(): void;
  readonly first: Offset;
  close(): Promise<void>;
}

/** Single records by offset, for whoever keeps references into the log. */
export interface LogLookup {
  /**
   * The record at exactly this offset, undefined when it is not committed (yet) or no longer kept; what was trimmed
   * a moment ago may still be found. The record object and its views are reused: valid until the next call. Throws
   * SensoriumError: `log.corrupt` for a record of a damaged block, `data_dir.newer`, `log.failed`.
   */
  get(offset: Offset): LogRecord | undefined;
  close(): Promise<void>;
}
