import type { Aggregate } from '../../model/ports/history.ts';
import { exactQuantile } from '../pipeline/windows/oracle.case.ts';

/** What an aggregate of readings must come to, computed the slow, plain way; in the order in which they arrived. */
export function numberOf(
  rows: readonly (readonly [ts: number, value: number])[],
  aggregate: Aggregate,
): number {
  const values = rows.map(([, value]) => value);
  const sum = values.reduce((total, value) => total + value, 0);
  const mean = sum / values.length;
  switch (aggregate) {
    case 'avg':
      return mean;
    case 'min':
      return Math.min(...values);
    case 'max':
      return Math.max(...values);
    case 'sum':
      return sum;
    case 'count':
      return values.length;
    case 'last':
      return rows.reduce((last, row) => (row[0] >= last[0] ? row : last))[1];
    case 'first':
      return rows.reduce((first, row) => (row[0] < first[0] ? row : first))[1];
    case 'p50':
    case 'p90':
    case 'p95':
    case 'p99':
      return exactQuantile(values, Number(aggregate.slice(1)) / 100);
    case 'stddev': {
      const squares = values.reduce((total, value) => total + (value - mean) ** 2, 0);
      return values.length === 1 ? 0 : Math.sqrt(squares / (values.length - 1));
    }
  }
}
