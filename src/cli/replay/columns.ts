import { METRIC_NAME_MAX_CHARS } from '../../base/limits.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { ReadingValue } from '../../model/reading.ts';
import { parseInstant } from './instant.ts';

/**
 * What the columns of a table mean, found by looking at every cell once: which is the time, which hold numbers,
 * yes/no or text. A column is numeric only if all its cells are; missing ones (empty, NA, null …) do not count.
 */
export interface ColumnPlan {
  readonly time: number;
  readonly device: number | undefined;
  readonly metrics: readonly MetricColumn[];
}

interface MetricColumn {
  readonly index: number;
  readonly metric: string;
  readonly kind: 'number' | 'decimal-comma' | 'boolean' | 'text';
}

export interface ColumnChoice {
  readonly timeColumn?: string | undefined;
  readonly deviceColumn?: string | undefined;
}

/** A row with its meaning. */
export interface RowReading {
  /** Milliseconds since the epoch. */
  readonly ts: number;
  readonly device: string | undefined;
  readonly values: Readonly<Record<string, ReadingValue>>;
}

const TIME_NAMES = /^(ts|time|timestamp|time[ _-]?stamp|date[ _-]?time|date|datum|zeit|when|at)$/i;
const MISSING = /^(|na|n\/a|nan|null|none|nil|-|\?)$/i;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const DECIMAL_COMMA = /^[+-]?\d+,\d+$/;
const BOOLEAN = /^(true|false)$/i;
/** Values told apart per text column when the user is to be shown what could be the device column. */
const SAMPLE_VALUES = 20;

interface ColumnStats {
  filled: number;
  numbers: number;
  commas: number;
  booleans: number;
  instants: number;
  readonly values: Set<string>;
}

export class ColumnScan {
  readonly #names: readonly string[];
  readonly #stats: readonly ColumnStats[];

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#stats = names.map(() => ({
      filled: 0,
      numbers: 0,
      commas: 0,
      booleans: 0,
      instants: 0,
      values: new Set(),
    }));
  }

  observe(cells: readonly string[]): void {
    for (const [index, stats] of this.#stats.entries()) {
      const cell = cells[index]?.trim() ?? '';
      if (!MISSING.test(cell)) observeCell(cell, stats);
    }
  }

  /** The plan, or in words why there is none. */
  decide(choice: ColumnChoice): Result<ColumnPlan, string> {
    const time = this.#timeColumn(choice.timeColumn);
    if (!time.ok) return time;
    const device = choice.deviceColumn === undefined ? undefined : this.find(choice.deviceColumn);
    if (device === -1) return err(`there is no column "${choice.deviceColumn}"; ${this.#list()}`);
    if (device === time.value) return err('the device column cannot be the time column');
    const metrics: MetricColumn[] = [];
    const taken = new Set<string>();
    for (const [index, stats] of this.#stats.entries()) {
      if (index === time.value || index === device || stats.filled === 0) continue;
      const metric = unique(metricName(this.#names[index] ?? '', index), taken);
      metrics.push({ index, metric, kind: kindOf(stats) });
    }
    if (metrics.length === 0) return err('there is nothing to play besides the time');
    return ok({ time: time.value, device, metrics });
  }

  /** Index of a column by its name, -1 for none. */
  find(name: string): number {
    const exact = this.#names.indexOf(name);
    if (exact >= 0) return exact;
    return this.#names.findIndex((candidate) => candidate.toLowerCase() === name.toLowerCase());
  }

  /** A text column with a handful of values: what may tell devices apart, with one of its values. */
  groupColumn(plan: ColumnPlan): { readonly column: string; readonly value: string } | undefined {
    for (const { index, kind } of plan.metrics) {
      const values = this.#stats[index]?.values ?? new Set<string>();
      const [value] = values;
      if (kind === 'text' && value !== undefined && values.size > 1 && values.size < SAMPLE_VALUES) {
        return { column: this.#names[index] ?? '', value };
      }
    }
    return undefined;
  }

  #timeColumn(named: string | undefined): Result<number, string> {
    if (named !== undefined) {
      const index = this.find(named);
      if (index < 0) return err(`there is no column "${named}"; ${this.#list()}`);
      if ((this.#stats[index]?.instants ?? 0) > 0) return ok(index);
      return err(`column "${named}" holds no times that are understood (ISO 8601, epoch s or ms)`);
    }
    const candidates = [...this.#stats.entries()].filter(([, stats]) => stats.instants * 2 > stats.filled);
    const byName = candidates.find(([index]) => TIME_NAMES.test(this.#names[index] ?? ''));
    const byContent = candidates.find(([, stats]) => stats.instants === stats.filled && stats.numbers === 0);
    const found = byName ?? byContent;
    if (found === undefined)
      return err(`no time column was found; name it with --time-column; ${this.#list()}`);
    return ok(found[0]);
  }

  #list(): string {
    return `columns: ${this.#names.slice(0, SAMPLE_VALUES).join(', ')}`;
  }
}

/** One row by the plan, or in words why it cannot be played. */
export function readRow(cells: readonly string[], plan: ColumnPlan): Result<RowReading, string> {
  const time = cells[plan.time]?.trim() ?? '';
  const ts = parseInstant(time);
  if (ts === undefined) return err(time === '' ? 'no time' : `"${time.slice(0, 40)}" is no time`);
  const values: Record<string, ReadingValue> = {};
  let filled = 0;
  for (const { index, metric, kind } of plan.metrics) {
    const cell = cells[index]?.trim() ?? '';
    if (MISSING.test(cell)) continue;
    values[metric] = valueOf(cell, kind);
    filled += 1;
  }
  if (filled === 0) return err('no values');
  return ok({ ts, device: plan.device === undefined ? undefined : cells[plan.device]?.trim(), values });
}

function observeCell(cell: string, stats: ColumnStats): void {
  stats.filled += 1;
  if (NUMBER.test(cell)) stats.numbers += 1;
  else if (DECIMAL_COMMA.test(cell)) stats.commas += 1;
  else if (BOOLEAN.test(cell)) stats.booleans += 1;
  else if (stats.values.size < SAMPLE_VALUES) stats.values.add(cell);
  if (parseInstant(cell) !== undefined) stats.instants += 1;
}

function kindOf(stats: ColumnStats): MetricColumn['kind'] {
  if (stats.numbers === stats.filled) return 'number';
  if (stats.numbers + stats.commas === stats.filled) return 'decimal-comma';
  return stats.booleans === stats.filled ? 'boolean' : 'text';
}

function valueOf(cell: string, kind: MetricColumn['kind']): ReadingValue {
  if (kind === 'number') return Number(cell);
  if (kind === 'decimal-comma') return Number(cell.replace(',', '.'));
  return kind === 'boolean' ? cell.toLowerCase() === 'true' : cell;
}

const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);

/** A heading as a metric name: letters, digits, _ - . : / and blanks; "Temp (°C)" becomes "Temp_C". */
function metricName(heading: string, index: number): string {
  const name = heading
    .normalize('NFKC')
    .replaceAll(/ *[^\p{L}\p{M}\p{N}_\-.:/ ]+ */gu, '_')
    .replaceAll(/^_+|_+$/g, '')
    .slice(0, METRIC_NAME_MAX_CHARS);
  if (name === '' || RESERVED.has(name)) return `column_${index + 1}`;
  return name;
}

function unique(name: string, taken: Set<string>): string {
  let candidate = name;
  for (let n = 2; taken.has(candidate); n += 1) candidate = `${name}_${n}`;
  taken.add(candidate);
  return candidate;
}
