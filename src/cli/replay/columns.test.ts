import { describe, expect, it } from 'vitest';
import { type ColumnChoice, ColumnScan, readRow } from './columns.ts';
import { parseInstant } from './instant.ts';

function scan(names: string, rows: readonly string[], choice: ColumnChoice = {}) {
  const columns = new ColumnScan(names.split(','));
  for (const row of rows) columns.observe(row.split(','));
  return { columns, decided: columns.decide(choice) };
}

function read(names: string, rows: readonly string[], choice: ColumnChoice = {}) {
  const { decided } = scan(names, rows, choice);
  if (!decided.ok) throw new Error(decided.error);
  return rows.map((row) => readRow(row.split(','), decided.value));
}

describe('points in time', () => {
  it.each([
    ['2012-01-01', '2012-01-01T00:00:00.000Z'],
    ['2012/01/31', '2012-01-31T00:00:00.000Z'],
    ['2012-01-01 13:05', '2012-01-01T13:05:00.000Z'],
    ['2012-01-01T13:05:06.5', '2012-01-01T13:05:06.500Z'],
    ['2012-01-01T13:05:06.123456789Z', '2012-01-01T13:05:06.123Z'],
    ['2012-01-01T13:05:06+02:00', '2012-01-01T11:05:06.000Z'],
    ['2012-01-01T13:05:06-0330', '2012-01-01T16:35:06.000Z'],
    ['Jan 1 2000', '2000-01-01T00:00:00.000Z'],
    ['1325376000', '2012-01-01T00:00:00.000Z'],
    ['1325376000.5', '2012-01-01T00:00:00.500Z'],
    ['1325376000000', '2012-01-01T00:00:00.000Z'],
    ['1325376000000000', '2012-01-01T00:00:00.000Z'],
    ['1325376000000000000', '2012-01-01T00:00:00.000Z'],
  ])('%s is understood', (text, iso) => {
    expect(new Date(parseInstant(text) ?? Number.NaN).toISOString()).toBe(iso);
  });

  it.each([
    '',
    '1/2/2012',
    '2012',
    '2012-13-01',
    '2012-02-30',
    '2012-01-01T24:00',
    '12:30',
    'yesterday',
    '21.5',
  ])('%j is refused rather than guessed', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});

describe('the meaning of columns', () => {
  it('finds the time by name before content, and tells numbers, booleans and text apart', () => {
    const [first] = read('day,when,temp,open,sky', [
      '2012-01-02,2012-01-01,1.5,true,fog',
      '2012-01-03,2012-01-02,2,FALSE,7',
    ]);
    expect(first).toEqual({
      ok: true,
      value: {
        ts: Date.UTC(2012, 0, 1),
        device: undefined,
        values: { day: '2012-01-02', temp: 1.5, open: true, sky: 'fog' },
      },
    });
  });

  it('finds a time column with a foreign name by its content', () => {
    const { decided } = scan('x,mesures', ['1,2012-01-01', '2,2012-01-02']);
    expect(decided).toMatchObject({ ok: true, value: { time: 1 } });
  });

  it('does not take a number column for a time by content alone', () => {
    const { decided } = scan('serial,temp', ['1325376000,3', '1325376001,4']);
    expect(decided).toMatchObject({ ok: false });
  });

  it('skips missing cells without making the column text', () => {
    const rows = read('time,a,b', ['2012-01-01,1,NA', '2012-01-02,,2', '2012-01-03,null,NaN']);
    expect(rows[0]).toMatchObject({ value: { values: { a: 1 } } });
    expect(rows[1]).toMatchObject({ value: { values: { b: 2 } } });
    expect(rows[2]).toEqual({ ok: false, error: 'no values' });
  });

  it('keeps a column with one word in it as text throughout', () => {
    const rows = read('time,a', ['2012-01-01,1', '2012-01-02,low']);
    expect(rows.map((row) => row.ok && row.value.values['a'])).toEqual(['1', 'low']);
  });

  it('reads decimal commas', () => {
    const columns = new ColumnScan(['time', 'a']);
    columns.observe(['2012-01-01', '12,5']);
    columns.observe(['2012-01-02', '13']);
    const decided = columns.decide({});
    if (!decided.ok) throw new Error(decided.error);
    expect(readRow(['2012-01-01', '12,5'], decided.value)).toMatchObject({ value: { values: { a: 12.5 } } });
  });

  it('makes metric names of headings, each once, none reserved', () => {
    const { decided } = scan('time,Temp (°C),Temp/°C,,__proto__,__proto__', ['2012-01-01,1,2,3,4,5']);
    if (!decided.ok) throw new Error(decided.error);
    const names = decided.value.metrics.map(({ metric }) => metric);
    expect(names).toEqual(['Temp_C', 'Temp/_C', 'column_4', 'proto', 'proto_2']);
  });

  it('keeps an unreadable time as a reason', () => {
    const rows = read('time,a', ['2012-01-01,1', '2012-01-02,1', '2012-01-03,1', 'soon,2', ',3']);
    expect(rows[3]).toEqual({ ok: false, error: '"soon" is no time' });
    expect(rows[4]).toEqual({ ok: false, error: 'no time' });
  });

  it('names the columns there are when the one asked for is not', () => {
    expect(scan('time,a', ['2012-01-01,1'], { timeColumn: 'date' }).decided).toEqual({
      ok: false,
      error: 'there is no column "date"; columns: time, a',
    });
    expect(scan('time,a', ['2012-01-01,1'], { deviceColumn: 'x' }).decided).toMatchObject({ ok: false });
    expect(scan('time,a', ['2012-01-01,1'], { timeColumn: 'a' }).decided).toMatchObject({ ok: false });
  });

  it('suggests the text column that tells devices apart', () => {
    const { columns, decided } = scan('time,city,a', ['2012-01-01,Oslo,1', '2012-01-01,Rome,2']);
    if (!decided.ok) throw new Error(decided.error);
    expect(columns.groupColumn(decided.value)).toEqual({ column: 'city', value: 'Oslo' });
  });
});
