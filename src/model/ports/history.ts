import type { Result } from '../../base/result.ts';
import type { SensoriumError } from '../errors.ts';
import type { DeviceId } from '../ids.ts';
import type { Offset, PayloadFormat } from '../packet.ts';
import type { Reading, ReadingValue, Rejection } from '../reading.ts';
import type { WindowResult, WindowsQuery } from '../windows.ts';
import type { DropReason } from './ledger.ts';

export const AGGREGATES = [
  'avg',
  'min',
  'max',
  'sum',
  'count',
  'last',
  'first',
  'stddev',
  'p50',
  'p90',
  'p95',
  'p99',
] as const;
export type Aggregate = (typeof AGGREGATES)[number];

export const DOWNSAMPLINGS = ['m4', 'lttb'] as const;

/** Fewer readings that draw the same line: M4 (Jugel 2014) to the pixel, LTTB (Steinarsson 2013) to the eye. */
export interface Downsampling {
  readonly method: (typeof DOWNSAMPLINGS)[number];
  /** Readings of each series at most, 4 or more. */
  readonly points: number;
}

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
  /** Raw readings only, oldest first; `limit` is then of no meaning. */
  readonly downsampling?: Downsampling | undefined;
  /** Newest first when true (raw only). */
  readonly descending?: boolean | undefined;
}

export interface ReadingRow {
  readonly metric: string;
  readonly ts: number;
  readonly value: ReadingValue;
  readonly unit?: string | undefined;
}

export type FileFormat = 'json' | 'csv' | 'parquet';

export interface LatestRow extends ReadingRow {
  readonly device: string;
}

/** The last values of one device. */
export interface DeviceLatest {
  readonly device: string;
  readonly readings: readonly ReadingRow[];
}

export interface FleetLatestQuery {
  /** None = all metrics. */
  readonly metrics?: readonly string[] | undefined;
  /** Devices above this id; absent = from the first one on. */
  readonly after?: string | undefined;
  /** Devices. */
  readonly limit?: number | undefined;
}

export interface FleetLatestPage {
  /** Registered devices that have a value, in the order of their ids. */
  readonly devices: readonly DeviceLatest[];
  /** The `after` of the next page; absent = that was the last. */
  readonly next?: string | undefined;
}

export interface FleetTopQuery {
  readonly metric: string;
  /** Milliseconds; from inclusive, to exclusive. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Of the numbers and booleans in the range; default max. */
  readonly aggregate?: Aggregate | undefined;
  readonly limit?: number | undefined;
  /** Smallest first when true. */
  readonly ascending?: boolean | undefined;
}

/** A device in a ranking; one that sent the metric in several units has a row for each. */
export interface RankedDevice {
  readonly device: string;
  readonly value: ReadingValue;
  readonly unit?: string | undefined;
  /** Readings that the value was made of. */
  readonly count: number;
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
  /** The last values of many devices, page by page. */
  fleetLatest(query: FleetLatestQuery): Promise<Result<FleetLatestPage, SensoriumError>>;
  /** Registered devices by an aggregate of a metric, best first. */
  fleetTop(query: FleetTopQuery): Promise<Result<readonly RankedDevice[], SensoriumError>>;
  /** The same rows as a file in memory; JSON is `{"device", "readings": ReadingRow[]}`. */
  file(query: ReadingsQuery, format: FileFormat): Promise<Result<Uint8Array, SensoriumError>>;
  /** Declared windows that were told. */
  windows(query: WindowsQuery): Promise<Result<readonly WindowResult[], SensoriumError>>;
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
  /** A batch was refused before it could be submitted: told for the ledger. */
  refused(batch: {
    readonly device: DeviceId;
    readonly receivedAt: number;
    readonly reason: DropReason;
  }): void;
}

/** Readings as they are stored. Slow listeners lose (counted), the pipeline never waits for them. */
export interface LiveFeed {
  /** `device` absent = all. */
  watch(
    filter: { readonly device?: string | undefined },
    listener: (readings: readonly Reading[], dropped: number) => void,
  ): () => void;
}
