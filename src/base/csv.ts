import { CSV_CELL_MAX_CHARS, CSV_COLUMNS_MAX } from './limits.ts';

/** One record of a table. `line` is where it begins in the file, from 1. `fault` says why it is unusable. */
export interface Row {
  readonly line: number;
  readonly cells: readonly string[];
  readonly fault?: string | undefined;
}

const QUOTE = 0x22;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * CSV as RFC 4180 gives it and as spreadsheets write it: quoted cells with delimiters, doubled quotes and line
 * breaks inside; LF, CRLF or CR; a byte order mark; blank lines. Fed in pieces of any size.
 */
export class CsvParser {
  readonly #delimiter: number;
  #rows: Row[] = [];
  #cells: string[] = [];
  #cell = '';
  #quoted = false;
  /** A quote inside a quoted cell: the next character tells whether it ends the cell or is doubled. */
  #quotePending = false;
  #wasQuoted = false;
  #afterReturn = false;
  #atStart = true;
  #line = 1;
  #rowLine = 1;
  #fault: string | undefined;

  constructor(options: { readonly delimiter: string }) {
    this.#delimiter = options.delimiter.charCodeAt(0);
  }

  /** The rows completed by this piece. */
  push(text: string): readonly Row[] {
    let from = 0;
    if (this.#atStart && text.length > 0) {
      this.#atStart = false;
      if (text.charCodeAt(0) === 0xfeff) from = 1;
    }
    for (let i = from; i < text.length; i += 1) this.#take(text.charCodeAt(i));
    return this.#drain();
  }

  /** The last row, when the file does not end with a line break. */
  end(): readonly Row[] {
    if (this.#quoted && !this.#quotePending) this.#fault ??= 'a quoted cell is never closed';
    this.#quoted = false;
    this.#quotePending = false;
    if (this.#cell !== '' || this.#cells.length > 0 || this.#wasQuoted) this.#endRow();
    return this.#drain();
  }

  #take(code: number): void {
    const afterReturn = this.#afterReturn;
    this.#afterReturn = code === CARRIAGE_RETURN;
    const isSecondHalf = afterReturn && code === LINE_FEED;
    const isBreak = code === LINE_FEED || code === CARRIAGE_RETURN;
    if (isBreak && !isSecondHalf) this.#line += 1;
    if (this.#quotePending) {
      this.#quotePending = false;
      if (code === QUOTE) {
        this.#append(code);
        return;
      }
      this.#quoted = false;
    }
    if (this.#quoted) {
      if (code === QUOTE) this.#quotePending = true;
      else this.#append(code);
      return;
    }
    if (code === QUOTE && this.#cell === '' && !this.#wasQuoted) {
      this.#quoted = true;
      this.#wasQuoted = true;
    } else if (code === this.#delimiter) this.#endCell();
    else if (!isBreak) this.#append(code);
    else if (!isSecondHalf) this.#endRow();
  }

  #append(code: number): void {
    if (this.#cell.length >= CSV_CELL_MAX_CHARS) {
      this.#fault ??= `a cell is longer than ${CSV_CELL_MAX_CHARS} characters; is a quote missing?`;
      // An unclosed quote: give up on it here, so that the rest of the file is still read.
      this.#quoted = false;
      return;
    }
    this.#cell += String.fromCharCode(code);
  }

  #endCell(): void {
    if (this.#cells.length < CSV_COLUMNS_MAX) this.#cells.push(this.#cell);
    else this.#fault ??= `more than ${CSV_COLUMNS_MAX} columns`;
    this.#cell = '';
    this.#wasQuoted = false;
  }

  #endRow(): void {
    const isBlank = this.#cells.length === 0 && this.#cell === '' && !this.#wasQuoted;
    if (!isBlank) {
      this.#endCell();
      this.#rows.push({ line: this.#rowLine, cells: this.#cells, fault: this.#fault });
    }
    this.#cells = [];
    this.#fault = undefined;
    this.#rowLine = this.#line;
  }

  #drain(): readonly Row[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }
}

const DELIMITERS = [',', ';', '\t', '|'] as const;

/** The delimiter that the header line has most of, outside quotes. */
export function guessDelimiter(headerLine: string): string {
  const bare = headerLine.replaceAll(/"[^"]*"/g, '');
  const counts = DELIMITERS.map((delimiter) => bare.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ',';
}

/** One record, as RFC 4180 has it. */
export const csvLine = (cells: readonly string[]): string =>
  `${cells.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(',')}\r\n`;
