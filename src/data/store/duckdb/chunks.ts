import {
  BIGINT,
  BLOB,
  DOUBLE,
  type DuckDBAppender,
  DuckDBBlobValue,
  DuckDBBlobVector,
  DuckDBDataChunk,
  type DuckDBType,
  DuckDBVarCharVector,
  type DuckDBVector,
  INTEGER,
  UINTEGER,
  UTINYINT,
  VARCHAR,
} from '@duckdb/node-api';
import { invariant } from '../../../base/invariant.ts';

/** Columns on their way into DuckDB: whole vectors are filled and handed over, no value is boxed. */

/** Rows of one DuckDB vector. */
const CHUNK_ROWS = 2_048;
const TWO_32 = 4_294_967_296;

export type Column =
  | { readonly type: 'tiny'; readonly data: Uint8Array }
  | { readonly type: 'int'; readonly data: Int32Array }
  | { readonly type: 'uint'; readonly data: Uint32Array }
  | { readonly type: 'double'; readonly data: Float64Array }
  /** Whole, not negative numbers kept in doubles (milliseconds, offsets). */
  | { readonly type: 'long'; readonly data: Float64Array }
  | { readonly type: 'text'; readonly data: readonly string[] }
  /** Undefined = NULL. */
  | { readonly type: 'blob'; readonly data: readonly (Uint8Array | undefined)[] };

const TYPES: Readonly<Record<Column['type'], DuckDBType>> = {
  tiny: UTINYINT,
  int: INTEGER,
  uint: UINTEGER,
  double: DOUBLE,
  long: BIGINT,
  text: VARCHAR,
  blob: BLOB,
};

/** Appends `size` rows; the appender still has to be flushed. */
export function appendColumns(appender: DuckDBAppender, columns: readonly Column[], size: number): void {
  const types = columns.map((column) => TYPES[column.type]);
  for (let from = 0; from < size; from += CHUNK_ROWS) {
    const rows = Math.min(CHUNK_ROWS, size - from);
    const chunk = DuckDBDataChunk.create(types, rows);
    for (const [index, column] of columns.entries()) fill(chunk, index, column, from, rows);
    appender.appendDataChunk(chunk);
  }
}

function fill(chunk: DuckDBDataChunk, index: number, column: Column, from: number, rows: number): void {
  const vector = chunk.getColumnVector(index);
  if (column.type === 'tiny') itemsOf(vector, Uint8Array).set(column.data.subarray(from, from + rows));
  else if (column.type === 'int') itemsOf(vector, Int32Array).set(column.data.subarray(from, from + rows));
  else if (column.type === 'uint') itemsOf(vector, Uint32Array).set(column.data.subarray(from, from + rows));
  else if (column.type === 'double')
    itemsOf(vector, Float64Array).set(column.data.subarray(from, from + rows));
  else if (column.type === 'long') fillLongs(itemsOf(vector, BigInt64Array), column.data, from, rows);
  else if (column.type === 'blob') {
    invariant(vector instanceof DuckDBBlobVector, 'blob column');
    for (let row = 0; row < rows; row += 1) {
      const bytes = column.data[from + row];
      vector.setItem(row, bytes === undefined ? null : new DuckDBBlobValue(bytes));
    }
  } else {
    invariant(vector instanceof DuckDBVarCharVector, 'text column');
    for (let row = 0; row < rows; row += 1) vector.setItem(row, column.data[from + row] ?? '');
  }
  vector.flush();
}

/**
 * The values of a vector as one array. The declarations of the package hide it, value by value through `getItem`
 * and `setItem` is ten times slower.
 */
export function itemsOf<T>(vector: DuckDBVector, type: new (size: number) => T): T {
  const { items } = vector as unknown as { readonly items?: unknown };
  invariant(items instanceof type, `a vector of ${type.name}`);
  return items;
}

/** As two halves each: a BigInt per reading would cost more than everything else here. */
function fillLongs(items: BigInt64Array, data: Float64Array, from: number, rows: number): void {
  const halves = new Uint32Array(items.buffer, items.byteOffset, rows * 2);
  for (let row = 0; row < rows; row += 1) {
    const value = data[from + row] ?? 0;
    halves[row * 2] = value >>> 0;
    halves[row * 2 + 1] = value / TWO_32;
  }
}
