import { ANALYSIS_TABLES } from './analysis.ts';
import { LEDGER_TABLES } from './ledger.ts';
import { PARTITION_TABLES } from './partitions.ts';
import { PARTS_WITH_M2 } from './parts-sql.ts';
import { QUARANTINE_TABLES } from './quarantine.ts';
import { WINDOW_TABLES } from './window-results.ts';

/**
 * How the tables of the first schema become those of today, one named step after the other. Every database goes
 * through them, a new one at once after it was made; a step that was published is never changed. A step may run on
 * tables of any size between two starts: it adds columns and tables, it does not rewrite rows one by one.
 */

export interface Migration {
  readonly name: string;
  /** The schema version whose steps it belongs to; those of one version run in one transaction. */
  readonly version: number;
  readonly statements: readonly string[];
}

export const MIGRATIONS: readonly Migration[] = [
  { name: 'standard deviation in minute parts', version: 2, statements: PARTS_WITH_M2 },
  { name: 'declared windows', version: 2, statements: WINDOW_TABLES },
  { name: 'hour roll-ups and Parquet partitions', version: 2, statements: PARTITION_TABLES },
  { name: 'state of the analysis', version: 2, statements: ANALYSIS_TABLES },
  { name: 'loss ledger', version: 2, statements: LEDGER_TABLES },
  { name: 'packets of the quarantine', version: 2, statements: QUARANTINE_TABLES },
];

/** What this version reads and writes. */
export const SCHEMA_VERSION = 2;
