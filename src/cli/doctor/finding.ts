import type { HistoryTotals } from '../../model/ports/history.ts';
import type { RunFile } from '../endpoint.ts';

/** One line of the examination. `cure` stands where something is to be done. */
export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  readonly cure?: string | undefined;
}

/** GET /api/v1/system. */
export interface SystemReport {
  readonly version: string;
  readonly startedAt: number;
  readonly managers: Readonly<
    Record<string, { readonly status: string; readonly reasons: readonly string[] }>
  >;
  /** Null while history restarts. */
  readonly totals: HistoryTotals | null;
  readonly log: {
    readonly first: number;
    readonly next: number;
    readonly durable: number;
    readonly sizeBytes: number;
  };
}

/** What the examined installation turned out to be. */
export interface Patient {
  readonly dataDir: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly run: RunFile | undefined;
}
