/**
 * A long line of readings as the few of them that draw the same picture. Owns the choice per series; promises readings
 * that were really sent, in order of time. Text is no line, and is left out. Rows lie wherever the store put them: moving
 * them to where vectors work would cost more than those save, so the scalar kernels do it.
 */

import { lttb } from '../compute/kernels/scalar/lttb.ts';
import { m4 } from '../compute/kernels/scalar/m4.ts';
import type { Downsampling } from '../model/ports/history.ts';
import type { SeriesRows } from './store/store.ts';

/** M4 picks the first, lowest, highest and last of each column. */
const M4_PER_COLUMN = 4;
const LTTB_MIN = 3;

interface Line {
  readonly rows: number[];
}

/** `points` of each series at most; all of them where there are no more. */
export function downsample(rows: SeriesRows, { method, points }: Downsampling): SeriesRows {
  const lines = new Map<number, Line>();
  for (const [row, series] of rows.series.entries()) {
    if (rows.text.has(row)) continue;
    const line = lines.get(series);
    if (line === undefined) lines.set(series, { rows: [row] });
    else line.rows.push(row);
  }
  const kept = [...lines.values()].flatMap((line) =>
    line.rows.length <= points ? line.rows : pick(rows, line, method, points),
  );
  kept.sort((a, b) => a - b);
  return {
    series: Uint32Array.from(kept, (row) => rows.series[row] ?? 0),
    ts: Float64Array.from(kept, (row) => rows.ts[row] ?? 0),
    value: Float64Array.from(kept, (row) => rows.value[row] ?? 0),
    text: new Map(),
  };
}

function pick(rows: SeriesRows, line: Line, method: Downsampling['method'], points: number): number[] {
  const times = Float64Array.from(line.rows, (row) => rows.ts[row] ?? 0);
  const values = Float64Array.from(line.rows, (row) => rows.value[row] ?? 0);
  const picked = new Uint32Array(Math.max(points, LTTB_MIN));
  const [from = 0] = times;
  const to = (times.at(-1) ?? 0) + 1;
  const columns = Math.max(1, Math.floor(points / M4_PER_COLUMN));
  const count =
    method === 'm4' ? m4({ times, values, from, to, columns, picked }) : lttb({ times, values, picked });
  return Array.from(picked.subarray(0, count), (at) => line.rows[at] ?? 0);
}
