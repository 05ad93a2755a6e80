import type { DuckDBAppender, DuckDBConnection } from '@duckdb/node-api';
import { ANALYSIS_DELETE_MAX } from '../../../base/limits.ts';
import { DETECTORS, type Detector } from '../../../model/analysis.ts';
import { type AnalysisState, isKept } from '../../pipeline/analyze/findings.ts';
import type { RecentMinute } from '../../pipeline/analyze/watch.ts';
import { appendColumns } from './chunks.ts';

/**
 * What the analysis has begun and learned: one row per series and detector, replaced with the commit that changes it.
 * It must not know what a detector looks for.
 */

export const ANALYSIS_TABLES: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS analysis_state (series UINTEGER NOT NULL, detector VARCHAR NOT NULL,
     begun_at BIGINT NOT NULL, center DOUBLE NOT NULL, spread DOUBLE NOT NULL)`,
];

export async function readAnalysis(connection: DuckDBConnection): Promise<readonly AnalysisState[]> {
  const stored = await connection.runAndReadAll(
    'SELECT series, detector, begun_at::DOUBLE, center, spread FROM analysis_state',
  );
  return stored.getRows().map(([series, detector, begunAt, center, spread]) => ({
    series: Number(series),
    detector: String(detector) as Detector,
    begunAt: Number(begunAt),
    center: Number(center),
    spread: Number(spread),
  }));
}

/** The newest stored minutes of these series, `limit` at most, oldest first. */
export async function readRecentMinutes(
  connection: DuckDBConnection,
  series: readonly number[],
  from: number,
  limit: number,
): Promise<readonly RecentMinute[]> {
  if (series.length === 0) return [];
  const found = await connection.runAndReadAll(
    `SELECT series, last_ts::DOUBLE, last, min, max FROM (
       SELECT series, start, arrival, last_ts, last, min, max FROM window_union
       WHERE start >= ${BigInt(from)} AND series IN (${series.join(', ')})
       ORDER BY start DESC, arrival DESC LIMIT ${BigInt(limit)}) ORDER BY start, arrival`,
  );
  return found.getRows().map((row) => {
    const [id = 0, lastTs = 0, last = 0, min = 0, max = 0] = row.map(Number);
    return { series: id, lastTs, last, min, max };
  });
}

export class AnalysisWriter {
  readonly #connection: DuckDBConnection;
  readonly #appender: DuckDBAppender;

  private constructor(connection: DuckDBConnection, appender: DuckDBAppender) {
    this.#connection = connection;
    this.#appender = appender;
  }

  static async open(connection: DuckDBConnection): Promise<AnalysisWriter> {
    return new AnalysisWriter(connection, await connection.createAppender('analysis_state'));
  }

  /** Within the transaction of a commit. */
  async write(states: readonly AnalysisState[] = []): Promise<void> {
    if (states.length === 0) return;
    for (const detector of DETECTORS) {
      const changed = states.filter((state) => state.detector === detector).map(({ series }) => series);
      for (let at = 0; at < changed.length; at += ANALYSIS_DELETE_MAX) {
        const some = changed.slice(at, at + ANALYSIS_DELETE_MAX);
        await this.#connection.run(
          `DELETE FROM analysis_state WHERE detector = '${detector}' AND series IN (${some.join(', ')})`,
        );
      }
    }
    const kept = states.filter(isKept);
    if (kept.length === 0) return;
    const columns = [
      { type: 'uint', data: Uint32Array.from(kept, ({ series }) => series) },
      { type: 'text', data: kept.map(({ detector }) => detector) },
      { type: 'long', data: Float64Array.from(kept, ({ begunAt }) => begunAt) },
      { type: 'double', data: Float64Array.from(kept, ({ center }) => center) },
      { type: 'double', data: Float64Array.from(kept, ({ spread }) => spread) },
    ] as const;
    appendColumns(this.#appender, columns, kept.length);
    this.#appender.flushSync();
  }

  close(): void {
    // After a failed commit there may be rows in it that must not be written behind its back.
    this.#appender.clear();
    this.#appender.closeSync();
  }
}
