import type { Result } from '../../base/result.ts';
import type { ErrorCode, SensoriumError } from '../errors.ts';
import type { DeviceId } from '../ids.ts';
import type { Offset, PayloadFormat } from '../packet.ts';
import type { Reading, ReadingValue, Rejection } from '../reading.ts';

export const AGGREGATES = ['avg', 'min', 'max', 'sum', 'count', 'last', 'first', 'stddev'] as const;
export type Aggregate = (typeof AGGREGATES)[number];

export interface ReadingsQuery {
  readonly device: string;
  /** None = all metrics of the device. */
  readonly metrics?: readonly string[] | undefined;
  /** Milliseconds; from inclusive, to exclusive. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Bucket width in milliseconds; absent = raw readings. */
  readonly intervalMs?: number | undefined;
  readonly aggregate?: Aggregate | undefined;
  readonly limit?: number | undefined;
  /** Newest first when true (raw only). */
  readonly descending?: boolean | undefined;
}

export interface ReadingRow {
  readonly metric: string;
  readonly ts: number;
  readonly value: ReadingValue;
  readonly unit?: string | undefined;
}

export interface LatestRow extends ReadingRow {
  readonly device: string;
}

export interface QuarantineRow {
  readonly offset: Offset;
  readonly device: string;
  readonly topic: string;
  readonly receivedAt: number;
  readonly index: number;
  readonly code: ErrorCode;
  readonly message: string;
  /** First bytes of the payload as text, for reading; the whole packet stays in the log until trimmed. */
  readonly sample: string;
}

/** Adds up: packets = stored + forwarded + quarantined. `rejections` counts items (a stored packet may have some). */
export interface HistoryTotals {
  readonly packets: number;
  readonly stored: number;
  readonly forwarded: number;
  readonly quarantined: number;
  readonly readings: number;
  readonly rejections: number;
  /** Log offset that history has reached (the next one it will take). */
  readonly offset: Offset;
}

export interface History {
  readings(query: ReadingsQuery): Promise<Result<readonly ReadingRow[], SensoriumError>>;
  latest(device: string, metrics?: readonly string[]): Promise<Result<readonly LatestRow[], SensoriumError>>;
  /** The same rows as a file in memory. */
  file(query: ReadingsQuery, format: 'csv' | 'parquet'): Promise<Result<Uint8Array, SensoriumError>>;
  quarantine(query: {
    readonly device?: string | undefined;
    readonly limit?: number | undefined;
  }): Promise<Result<readonly QuarantineRow[], SensoriumError>>;
  totals(): Promise<Result<HistoryTotals, SensoriumError>>;
}

export interface IngestReceipt {
  /** Items (objects, lines, rows, records) of which at least one reading is on disk. */
  readonly accepted: number;
  readonly rejected: readonly Rejection[];
}

/** The door for batches whose sender wants an answer per item (HTTP). Resolves after the commit. */
export interface Intake {
  submit(batch: {
    readonly device: DeviceId;
    readonly body: Uint8Array;
    readonly format: PayloadFormat;
    readonly receivedAt: number;
  }): Promise<Result<IngestReceipt, SensoriumError>>;
}

/** Readings as they are stored. Slow listeners lose (counted), the pipeline never waits for them. */
export interface LiveFeed {
  /** `device` absent = all. */
  watch(
    filter: { readonly device?: string | undefined },
    listener: (readings: readonly Reading[], dropped: number) => void,
  ): () => void;
}
