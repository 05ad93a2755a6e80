/**
 * The lexer of CSV (RFC 4180): text into rows of cells. It knows quotes and line ends and nothing of readings.
 */

export interface CsvRow {
  /** Line on which the row starts, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
  /** Why the row cannot be read; its cells mean nothing then. */
  readonly fault?: string;
}

/** The rows of a text, blank lines left out. Unquoted cells are trimmed, quoted ones kept as they are. */
export function* csvRows(text: string): Generator<CsvRow, undefined> {
  let line = 1;
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const content = text.slice(start, end);
    if (!content.includes('"')) {
      if (content.trim() !== '') yield { line, cells: content.split(',').map((cell) => cell.trim()) };
      start = end + 1;
      line += 1;
      continue;
    }
    const row = quotedRow(text, start);
    yield row.fault === undefined ? { line, cells: row.cells } : { line, cells: [], fault: row.fault };
    line += row.lines;
    start = row.next;
  }
}

interface QuotedRow {
  readonly cells: readonly string[];
  readonly next: number;
  readonly lines: number;
  readonly fault: string | undefined;
}

/** A row with at least one quote, which may run over several lines. */
function quotedRow(text: string, start: number): QuotedRow {
  const cells: string[] = [];
  let at = start;
  for (;;) {
    while (text[at] === ' ' || text[at] === '\t') at += 1;
    const cell = text[at] === '"' ? quotedCell(text, at) : bareCell(text, at);
    if (typeof cell === 'string') return broken(text, start, at, cell);
    cells.push(cell.value);
    at = cell.end;
    if (text[at] === ',') {
      at += 1;
      continue;
    }
    const lines = linesIn(text, start, at) + 1;
    return { cells, next: at + 1, lines, fault: undefined };
  }
}

interface Cell {
  readonly value: string;
  /** At the comma, the line feed or the end of the text. */
  readonly end: number;
}

function bareCell(text: string, start: number): Cell | string {
  let end = start;
  while (end < text.length && text[end] !== ',' && text[end] !== '\n') end += 1;
  const value = text.slice(start, end).trim();
  return value.includes('"') ? 'a quote stands inside an unquoted field' : { value, end };
}

function quotedCell(text: string, start: number): Cell | string {
  let value = '';
  let from = start + 1;
  for (;;) {
    const quote = text.indexOf('"', from);
    if (quote === -1) return 'a quoted field is never closed';
    value += text.slice(from, quote);
    if (text[quote + 1] !== '"') {
      let end = quote + 1;
      while (text[end] === ' ' || text[end] === '\t' || text[end] === '\r') end += 1;
      const closed = end >= text.length || text[end] === ',' || text[end] === '\n';
      return closed ? { value, end } : 'something follows a closing quote';
    }
    value += '"';
    from = quote + 2;
  }
}

/** Skips to the end of the line at which reading failed: the rows after it can be good. */
function broken(text: string, start: number, at: number, fault: string): QuotedRow {
  const newline = text.indexOf('\n', at);
  const end = newline === -1 ? text.length : newline;
  return { cells: [], next: end + 1, lines: linesIn(text, start, end) + 1, fault };
}

function linesIn(text: string, start: number, end: number): number {
  let count = 0;
  for (let at = text.indexOf('\n', start); at !== -1 && at < end; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}
