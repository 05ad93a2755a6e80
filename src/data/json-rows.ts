import { setImmediate as nextTurn } from 'node:timers/promises';
import { invariant } from '../base/invariant.ts';
import { JSON_ROWS_PER_TURN } from '../base/limits.ts';
import type { RowColumns } from './protocol.ts';
import { KIND_BOOLEAN, KIND_TEXT, type Series } from './series.ts';

/**
 * Rows as JSON text, written on the thread that read them: what goes on to the sockets is bytes, and the thread that
 * serves all connections makes no object per reading.
 */

/**
 * `{"device":…,"readings":[{"metric","ts","value","unit"?}…]}` in UTF-8. Numbers as JSON.stringify writes them; `isKept`: a
 * boolean series answers booleans. Gives the thread away between pieces; the columns must stay as they are meanwhile.
 */
export async function jsonOfRows(
  device: string,
  columns: RowColumns,
  isKept: boolean,
): Promise<Uint8Array<ArrayBuffer>> {
  const forms = new Map(columns.dictionary.map((series) => [series.id, formOf(series, isKept)]));
  const rows = columns.ts.length;
  const pieces: Buffer[] = [];
  for (let from = 0; from < rows; from += PIECE_ROWS) {
    if (from > 0 && from % JSON_ROWS_PER_TURN === 0) await nextTurn();
    pieces.push(Buffer.from(pieceOf(columns, forms, from, Math.min(rows, from + PIECE_ROWS))));
  }
  const head = Buffer.from(`{"device":${JSON.stringify(device)},"readings":[`);
  const whole = new Uint8Array(
    head.length + pieces.reduce((sum, { length }) => sum + length, 0) + END.length,
  );
  let at = 0;
  for (const piece of [head, ...pieces, END]) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** One string at a time: as one of all rows it outgrows the young generation and takes half as long again (measured). */
const PIECE_ROWS = 1_000;
const END = Buffer.from(']}');

/** What all rows of a series have around their time and value. */
interface Form {
  readonly head: string;
  readonly tail: string;
  readonly value: (columns: RowColumns, row: number) => string | number | boolean | null;
}

function formOf({ metric, unit, kind }: Series, isKept: boolean): Form {
  const ofNumbers = kind === KIND_BOOLEAN && isKept ? booleanAt : numberAt;
  return {
    head: `{"metric":${JSON.stringify(metric)},"ts":`,
    tail: unit === '' ? '}' : `,"unit":${JSON.stringify(unit)}}`,
    value: kind === KIND_TEXT ? textAt : ofNumbers,
  };
}

/** As in JSON: what is beyond a double's range is null. */
function numberAt({ value }: RowColumns, row: number): number | null {
  const number = value[row] ?? 0;
  return Number.isFinite(number) ? number : null;
}

const booleanAt = ({ value }: RowColumns, row: number): boolean => value[row] !== 0;
const textAt = ({ text }: RowColumns, row: number): string => JSON.stringify(text.get(row) ?? '');

function pieceOf(columns: RowColumns, forms: ReadonlyMap<number, Form>, from: number, to: number): string {
  const { series, ts } = columns;
  let json = '';
  let at = -1;
  let time = '';
  for (let row = from; row < to; row += 1) {
    const form = forms.get(series[row] ?? 0);
    invariant(form !== undefined, 'the dictionary names all series of the rows');
    const now = ts[row] ?? 0;
    // Metrics of one message share its time.
    if (now !== at) time = `${now},"value":`;
    at = now;
    json += `${row === 0 ? '' : ','}${form.head}${time}${form.value(columns, row)}${form.tail}`;
  }
  return json;
}
