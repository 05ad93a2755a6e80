import { STATE_MAP_BYTES, STATE_TABLES_MAX } from '../../base/limits.ts';
import { type LmdbRoot, openLmdb } from '../../engine/lmdb.ts';

export type StateRoot = LmdbRoot;

/** The LMDB environment of the state store; throws as `openLmdb` does. */
export const openEnvironment = (path: string): StateRoot =>
  openLmdb({ path, mapBytes: STATE_MAP_BYTES, tables: STATE_TABLES_MAX, failed: 'state.failed' });
