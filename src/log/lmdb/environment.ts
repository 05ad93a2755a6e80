import { type LmdbRoot, openLmdb } from '../../engine/lmdb.ts';

export type BlockStore = LmdbRoot;

export interface EnvironmentOptions {
  readonly path: string;
  readonly mapBytes: number;
  readonly readOnly?: boolean;
}

/** The LMDB environment of the log; throws as `openLmdb` does. */
export const openEnvironment = (options: EnvironmentOptions): BlockStore =>
  openLmdb({ ...options, failed: 'log.failed' });
