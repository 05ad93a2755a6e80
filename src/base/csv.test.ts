import { array, assert, integer, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CsvParser, guessDelimiter } from './csv.ts';

const parse = (text: string, delimiter = ',', size = text.length || 1) => {
  const parser = new CsvParser({ delimiter });
  const rows = [];
  for (let at = 0; at < text.length; at += size) rows.push(...parser.push(text.slice(at, at + size)));
  return [...rows, ...parser.end()];
};
const cells = (text: string, delimiter = ',') => parse(text, delimiter).map((row) => row.cells);

describe('the CSV reader', () => {
  it('reads quoted cells with delimiters, doubled quotes and line breaks inside', () => {
    expect(cells('a,"b,""c""\nd",e\n')).toEqual([['a', 'b,"c"\nd', 'e']]);
  });

  it.each([
    ['LF', 'a,b\n1,2\n'],
    ['CRLF', 'a,b\r\n1,2\r\n'],
    ['CR', 'a,b\r1,2\r'],
    ['no break at the end', 'a,b\n1,2'],
    ['a byte order mark', '\ufeffa,b\n1,2\n'],
    ['blank lines', '\na,b\n\n\r\n1,2\n\n'],
  ])('reads %s', (_name, text) => {
    expect(cells(text)).toEqual([
      ['a', 'b'],
      ['1', '2'],
    ]);
  });

  it('keeps empty cells, quoted or not', () => {
    expect(cells('a,,\n"",b,""\n')).toEqual([
      ['a', '', ''],
      ['', 'b', ''],
    ]);
  });

  it('knows the line where each row begins, behind line breaks in quotes, too', () => {
    const rows = parse('h\r\n"a\r\nb"\r\n\r\nc\r\n');
    expect(rows.map(({ line, cells: [first] }) => [line, first])).toEqual([
      [1, 'h'],
      [2, 'a\r\nb'],
      [5, 'c'],
    ]);
  });

  it('reports a quote that is never closed', () => {
    const rows = parse('a,b\n1,"2\n3,4\n');
    expect(rows.at(-1)?.fault).toMatch(/never closed/);
  });

  it('gives up on an endless cell, but not on the file', () => {
    const rows = parse(`"${'x'.repeat(70_000)}\n1,2\n`);
    expect(rows[0]?.fault).toMatch(/longer than/);
    expect(rows.at(-1)?.cells).toEqual(['1', '2']);
  });

  it('leaves a quote in the middle of a cell alone', () => {
    expect(cells('5" pipe,6\n')).toEqual([['5" pipe', '6']]);
  });

  it('reads back whatever is written by the rules, in pieces of any size', () => {
    const table = array(array(string(), { minLength: 2, maxLength: 4 }), { minLength: 1 });
    assert(
      property(table, integer({ min: 1, max: 7 }), (rows, size) => {
        const quote = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
        const text = rows.map((row) => `${row.map(quote).join(';')}\r\n`).join('');
        expect(parse(text, ';', size).map((row) => row.cells)).toEqual(rows);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it.each([
    [',', 'date,temp'],
    [';', 'date;temp;"a,b,c"'],
    ['\t', 'date\ttemp, °C\tx'],
    ['|', 'date|temp'],
    [',', 'date'],
  ])('guesses %j', (delimiter, header) => {
    expect(guessDelimiter(header)).toBe(delimiter);
  });
});
