/** The totals of a vitest run, from its JSON report. */
import { existsSync, readFileSync } from 'node:fs';

interface Totals {
  readonly passed: number;
  readonly failed: number;
}

/** No report (the run never came that far) is nothing passed and nothing failed. */
export function readTotals(path: string): Totals {
  if (!existsSync(path)) return { passed: 0, failed: 0 };
  const report: unknown = JSON.parse(readFileSync(path, 'utf8'));
  return { passed: count(report, 'numPassedTests'), failed: count(report, 'numFailedTests') };
}

function count(report: unknown, field: string): number {
  const value: unknown =
    typeof report === 'object' && report !== null ? Reflect.get(report, field) : undefined;
  if (typeof value !== 'number') throw new TypeError(`vitest's report has no ${field}`);
  return value;
}
