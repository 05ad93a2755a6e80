import type { SeriesRows } from '../store.ts';

export const NO_ROWS: SeriesRows = {
  series: new Uint32Array(0),
  ts: new Float64Array(0),
  value: new Float64Array(0),
  text: new Map(),
};

/** Numbers and texts, each in order of time, as one list in order of time; numbers first where times are equal. */
export function mergeRows(
  numbers: SeriesRows,
  texts: SeriesRows,
  { limit, descending }: { readonly limit: number; readonly descending: boolean },
): SeriesRows {
  if (texts.ts.length === 0) return numbers;
  const size = Math.min(limit, numbers.ts.length + texts.ts.length);
  const merged = {
    series: new Uint32Array(size),
    ts: new Float64Array(size),
    value: new Float64Array(size),
    text: new Map<number, string>(),
  };
  const sign = descending ? -1 : 1;
  let number = 0;
  let text = 0;
  for (let row = 0; row < size; row += 1) {
    const numberTs = numbers.ts[number] ?? Number.POSITIVE_INFINITY * sign;
    const textTs = texts.ts[text] ?? Number.POSITIVE_INFINITY * sign;
    const takesNumber = number < numbers.ts.length && (numberTs - textTs) * sign <= 0;
    const from = takesNumber ? numbers : texts;
    const at = takesNumber ? number : text;
    merged.series[row] = from.series[at] ?? 0;
    merged.ts[row] = from.ts[at] ?? 0;
    if (takesNumber) {
      merged.value[row] = from.value[at] ?? 0;
      number += 1;
    } else {
      merged.text.set(row, from.text.get(at) ?? '');
      text += 1;
    }
  }
  return merged;
}
