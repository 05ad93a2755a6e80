/** The table people read and the JSON that other programs do. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from './machine.ts';
import { isMet, type Measurement } from './scenario.ts';

export interface ScenarioReport {
  readonly scenario: string;
  readonly description: string;
  readonly tookS: number;
  readonly quick: boolean;
  readonly measurements: readonly Measurement[];
  /** Why there are none: the machine lacks something, or it failed. */
  readonly unavailable?: string | undefined;
  readonly failure?: string | undefined;
}

export function writeResult(folder: string, at: Date, machine: Machine, report: ScenarioReport): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${at.toISOString().replaceAll(/[:.]/g, '-')}-${report.scenario}.json`);
  writeFileSync(path, `${JSON.stringify({ at: at.toISOString(), machine, ...report }, null, 2)}\n`);
  return path;
}

export function table(reports: readonly ScenarioReport[]): string {
  const rows = reports.flatMap(rowsOf);
  const header = ['scenario', 'what', 'asked', 'measured', '', 'how'];
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 2 || column === 3 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [line(header), widths.map((width) => '─'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

function rowsOf(report: ScenarioReport): readonly (readonly string[])[] {
  const { scenario, unavailable, failure, measurements } = report;
  if (unavailable !== undefined) return [[scenario, 'unavailable', '', '', '', unavailable]];
  if (failure !== undefined) return [[scenario, 'failed', '', '', 'FAILED', failure.split('\n')[0] ?? '']];
  return measurements.map((measurement) => [
    scenario,
    measurement.what,
    asked(measurement),
    `${readable(measurement.value)} ${measurement.unit}`.trim(),
    verdict(isMet(measurement)),
    measurement.note ?? '',
  ]);
}

function verdict(met: boolean | undefined): string {
  if (met === undefined) return '';
  return met ? 'ok' : 'SHORT';
}

function asked({ asked: goal, unit }: Measurement): string {
  if (goal === undefined) return '';
  const [sign, value] = 'atLeast' in goal ? ['≥', goal.atLeast] : ['≤', goal.atMost];
  return `${sign} ${readable(value)} ${unit}`.trim();
}

/** Three figures are all that a measurement is good for. */
const readable = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : String(Number(value.toPrecision(3)));
