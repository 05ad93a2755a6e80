import type { RunFile } from '../endpoint.ts';

/** One line of the examination. `cure` stands where something is to be done. */
export interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  readonly cure?: string | undefined;
}

/** What the examined installation turned out to be. */
export interface Patient {
  readonly dataDir: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly run: RunFile | undefined;
}
