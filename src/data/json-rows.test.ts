import fc from 'fast-check';
import { expect, it } from 'vitest';
import { JSON_ROWS_PER_TURN } from '../base/limits.ts';
import { toRows } from './answer-rows.ts';
import { jsonOfRows } from './json-rows.ts';
import type { RowColumns } from './protocol.ts';
import { KIND_BOOLEAN, KIND_NUMBER, KIND_TEXT, type Series } from './series.ts';

const dictionary: readonly Series[] = [
  { id: 3, device: 'd', metric: 'temp"\n', unit: 'Cel', kind: KIND_NUMBER },
  { id: 5, device: 'd', metric: 'on', unit: '', kind: KIND_BOOLEAN },
  { id: 9, device: 'd', metric: 'grün', unit: '°"', kind: KIND_TEXT },
];

interface Row {
  readonly series: number;
  readonly ts: number;
  readonly value: number;
  readonly text: string;
}

function columnsOf(rows: readonly Row[]): RowColumns {
  return {
    dictionary,
    series: Uint32Array.from(rows, ({ series }) => series),
    ts: Float64Array.from(rows, ({ ts }) => ts),
    value: Float64Array.from(rows, ({ value }) => value),
    text: new Map(rows.entries().flatMap(([at, row]) => (row.series === 9 ? [[at, row.text] as const] : []))),
  };
}

const textOf = async (columns: RowColumns, isKept: boolean): Promise<string> =>
  Buffer.from(await jsonOfRows('d', columns, isKept)).toString();

it('writes what JSON.stringify would', async () => {
  const row = fc.record({
    series: fc.constantFrom(3, 5, 9),
    ts: fc.nat({ max: 5 }).map((at) => 1_790_000_000_000 + at),
    value: fc.oneof(fc.constantFrom(0, 1, -0, 1e21, 5e-324), fc.double()),
    text: fc.string({ unit: 'binary' }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(row), fc.boolean(), async (rows, isKept) => {
      const columns = columnsOf(rows);
      const readings = toRows(columns, isKept);
      expect(await textOf(columns, isKept)).toBe(JSON.stringify({ device: 'd', readings }));
    }),
  );
});

it('writes a large answer in pieces that are one document', async () => {
  const size = JSON_ROWS_PER_TURN + 1_001;
  const rows = Array.from({ length: size }, (_, at) => ({ series: 3, ts: at, value: at / 2, text: '' }));
  const columns = columnsOf(rows);
  const { readings } = JSON.parse(await textOf(columns, true)) as { readings: unknown };
  expect(readings).toEqual(toRows(columns, true));
});
