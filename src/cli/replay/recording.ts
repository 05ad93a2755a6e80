import type { Row } from '../../base/csv.ts';
import { REPLAY_SORT_MAX_ROWS } from '../../base/limits.ts';
import { problem } from '../../model/errors.ts';
import { type ColumnChoice, type ColumnPlan, ColumnScan, type RowReading, readRow } from './columns.ts';
import type { TableFile } from './table-file.ts';

/** Only rows whose cell of this column is exactly this. */
export interface Where {
  readonly column: string;
  readonly value: string;
}

/** A row that cannot be played: where it stands and why. */
export interface RejectedRow {
  readonly line: number;
  readonly reason: string;
}

/** What a first look at the whole file found out. */
interface Survey {
  readonly rows: number;
  readonly rejected: number;
  readonly firstTs: number;
  readonly lastTs: number;
  /** Rows that share time and device with another one; their readings would collide. */
  readonly sharedTimes: number;
  /** How the colliding rows could be told apart, if a column looks like it. */
  readonly groupColumn: { readonly column: string; readonly value: string } | undefined;
  readonly devices: readonly (string | undefined)[];
  /** True when the rows are played in the order of the file although their times go back. */
  readonly unsorted: boolean;
}

export interface Recording {
  readonly survey: Survey;
  /** Rows in order of time, where the file is not too long to be put in order. */
  readings(): AsyncIterable<RowReading>;
}

export interface RecordingOptions extends ColumnChoice {
  readonly table: TableFile;
  readonly where: readonly Where[];
  readonly devicesMax: number;
  readonly onRejected: (row: RejectedRow) => void;
}

/**
 * A table as readings over time. The file is read twice or more rather than kept: once to learn what its columns
 * mean, once to survey its times, then to play; only a file out of order is kept and sorted.
 * Throws `payload.not_csv` when it cannot be understood.
 */
export async function openRecording(options: RecordingOptions): Promise<Recording> {
  const { table } = options;
  const scan = new ColumnScan(table.columns);
  const accepts = filterOf(options, scan);
  for await (const row of table.rows()) if (row.fault === undefined && accepts(row)) scan.observe(row.cells);
  const decided = scan.decide(options);
  if (!decided.ok) throw problem('payload.not_csv', `${table.path}: ${decided.error}`);
  const plan = decided.value;
  const surveyor = new Surveyor(options);
  for await (const row of table.rows()) if (accepts(row)) surveyor.look(row, plan, table.columns.length);
  const kept = surveyor.sorted();
  const survey = surveyor.survey(kept, scan.groupColumn(plan));
  const stream = async function* (): AsyncGenerator<RowReading> {
    for await (const row of table.rows()) {
      if (!accepts(row)) continue;
      const reading = judge(row, plan, table.columns.length);
      if (reading.ok) yield reading.value;
    }
  };
  return { survey, readings: () => (kept === undefined ? stream() : fromMemory(kept)) };
}

async function* fromMemory(rows: readonly RowReading[]): AsyncGenerator<RowReading> {
  yield* rows;
}

function filterOf(options: RecordingOptions, scan: ColumnScan): (row: Row) => boolean {
  const conditions = options.where.map(({ column, value }) => {
    const index = scan.find(column);
    if (index < 0)
      throw problem('payload.not_csv', `${options.table.path}: --where names no column: "${column}"`);
    return { index, value };
  });
  return (row) => conditions.every(({ index, value }) => row.cells[index]?.trim() === value);
}

function judge(row: Row, plan: ColumnPlan, columns: number): ReturnType<typeof readRow> {
  if (row.fault !== undefined) return { ok: false, error: row.fault };
  if (row.cells.length > columns) {
    return { ok: false, error: `${row.cells.length} cells, but ${columns} columns` };
  }
  return readRow(row.cells, plan);
}

class Surveyor {
  readonly #options: RecordingOptions;
  readonly #devices = new Set<string | undefined>();
  #kept: RowReading[] | undefined = [];
  #rows = 0;
  #rejected = 0;
  #firstTs = Number.POSITIVE_INFINITY;
  #lastTs = Number.NEGATIVE_INFINITY;
  #previousTs = Number.NEGATIVE_INFINITY;
  #inOrder = true;
  readonly #lastTsOf = new Map<string | undefined, number>();
  #sharedTimes = 0;

  constructor(options: RecordingOptions) {
    this.#options = options;
  }

  look(row: Row, plan: ColumnPlan, columns: number): void {
    const reading = judge(row, plan, columns);
    if (!reading.ok) {
      this.#rejected += 1;
      this.#options.onRejected({ line: row.line, reason: reading.error });
      return;
    }
    const { ts, device } = reading.value;
    this.#rows += 1;
    this.#devices.add(device);
    if (this.#devices.size > this.#options.devicesMax) {
      const text = `column "${this.#options.deviceColumn}" has more than ${this.#options.devicesMax} values`;
      throw problem('payload.not_csv', `${this.#options.table.path}: ${text}`);
    }
    this.#firstTs = Math.min(this.#firstTs, ts);
    this.#lastTs = Math.max(this.#lastTs, ts);
    if (ts < this.#previousTs) this.#inOrder = false;
    this.#previousTs = ts;
    this.#countShared(reading.value);
    this.#keep(reading.value);
  }

  /** The rows in order of time; undefined when the file is in order already, or too long. */
  sorted(): readonly RowReading[] | undefined {
    const kept = this.#kept;
    if (kept === undefined || this.#inOrder) return undefined;
    kept.sort((a, b) => a.ts - b.ts);
    this.#lastTsOf.clear();
    this.#sharedTimes = 0;
    for (const reading of kept) this.#countShared(reading);
    return kept;
  }

  survey(kept: readonly RowReading[] | undefined, groupColumn: Survey['groupColumn']): Survey {
    return {
      rows: this.#rows,
      rejected: this.#rejected,
      firstTs: this.#firstTs,
      lastTs: this.#lastTs,
      sharedTimes: this.#sharedTimes,
      groupColumn,
      devices: [...this.#devices],
      unsorted: !this.#inOrder && kept === undefined,
    };
  }

  #countShared({ ts, device }: RowReading): void {
    if (this.#lastTsOf.get(device) === ts) this.#sharedTimes += 1;
    this.#lastTsOf.set(device, ts);
  }

  #keep(reading: RowReading): void {
    if (this.#kept === undefined) return;
    if (this.#kept.length < REPLAY_SORT_MAX_ROWS) this.#kept.push(reading);
    else this.#kept = undefined;
  }
}
