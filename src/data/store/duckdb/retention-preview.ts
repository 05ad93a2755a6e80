import type { DuckDBConnection } from '@duckdb/node-api';
import type {
  HistoryBytes,
  RetentionPreview,
  ThinningItem,
  ThinningReason,
} from '../../../model/ports/retention.ts';
import { RETENTION_LEVELS, type RetentionLevel } from '../../../model/retention.ts';
import {
  LEVEL_OF,
  type Partition,
  type PartitionKind,
  type RetentionRules,
  type Slice,
} from '../retention-store.ts';
import { type Candidate, pickVictims } from './budget.ts';
import type { PartitionFolder } from './partition-files.ts';
import type { PartitionFile } from './partitions.ts';
import { expiredRows, movableRows, PARTITION_KINDS, partitionRows, survivingRows } from './retention-sql.ts';
import { cutSpan, numbers, readSlices, rowBytes, spanOf } from './retention-survey.ts';

/** What would go, added up by the same rules that make it go. Changes nothing. */

interface PreviewRequest {
  readonly connection: DuckDBConnection;
  readonly rules: RetentionRules;
  readonly bytes: HistoryBytes;
  readonly files: readonly PartitionFile[];
  readonly folder: PartitionFolder;
}

interface Share {
  readonly kind: PartitionKind;
  readonly reason: ThinningReason;
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly bytes: number;
  /** Its rows, for counting the series. */
  readonly relation: string;
}

/** After `prepareTables` on the same connection. */
export async function readPreview(request: PreviewRequest): Promise<RetentionPreview> {
  const { connection, rules, bytes } = request;
  const sizeOf = await rowBytes(connection, bytes.used + bytes.wal);
  const aged: Share[] = [];
  for (const kind of PARTITION_KINDS) aged.push(...(await agedShares(request, kind, sizeOf)));
  const afterAge = bytes.total - aged.reduce((sum, share) => sum + share.bytes, 0);
  const candidates = await survivors(request, aged, sizeOf);
  const excess = rules.budgetBytes === undefined ? 0 : afterAge - rules.budgetBytes;
  const { victims, left } = pickVictims(candidates, excess);
  const shares = [...aged, ...victims.map((victim) => victimShare(request, victim))];
  return {
    ...(rules.budgetBytes !== undefined && { budgetBytes: rules.budgetBytes }),
    bytesBefore: bytes.total,
    bytesAfter: Math.max(0, bytes.total - shares.reduce((sum, share) => sum + share.bytes, 0)),
    fits: left === 0,
    items: await toItems(connection, shares),
  };
}

/** What of a kind is over its time: whole partitions, parts of others, rows in the database. */
async function agedShares(
  { connection, rules, files, folder }: PreviewRequest,
  kind: PartitionKind,
  sizeOf: Awaited<ReturnType<typeof rowBytes>>,
): Promise<readonly Share[]> {
  const { cutoffs } = rules;
  const span = cutSpan(kind, cutoffs);
  const shares: Share[] = [];
  for (const file of files) {
    if (file.kind !== kind || file.to > span.to) continue;
    const rows = partitionRows(kind, [folder.quoted(file.path)]);
    if (file.to <= span.from) {
      shares.push({ ...file, reason: 'age', relation: rows });
      continue;
    }
    const relation = expiredRows(rows, kind, cutoffs);
    const found = await spanOf(connection, relation);
    const bytes = Math.round((file.bytes * found.rows) / file.rows);
    if (found.rows > 0) shares.push({ kind, reason: 'age', ...found, bytes, relation });
  }
  const relation = expiredRows(movableRows(kind, { from: 0, to: span.to }), kind, cutoffs);
  const found = span.to === 0 ? { rows: 0, from: 0, to: 0 } : await spanOf(connection, relation);
  if (found.rows > 0)
    shares.push({ kind, reason: 'age', ...found, bytes: sizeOf(kind, found.rows), relation });
  return shares;
}

/** What the budget could take when all that is over its time is gone. */
async function survivors(
  { connection, rules, files }: PreviewRequest,
  aged: readonly Share[],
  sizeOf: Awaited<ReturnType<typeof rowBytes>>,
): Promise<readonly Candidate[]> {
  const { keepFrom, cutoffs, budgetBytes } = rules;
  if (budgetBytes === undefined) return [];
  const candidates: Candidate[] = [];
  for (const part of files) {
    if (part.to > keepFrom) continue;
    const gone = aged.find(
      (share) => share.kind === part.kind && share.from >= part.from && share.to <= part.to,
    );
    const bytes = part.bytes - (gone?.bytes ?? 0);
    if (bytes > 0) candidates.push({ part, bytes });
  }
  for (const kind of PARTITION_KINDS) {
    for (const slice of await readSlices(connection, kind, keepFrom)) {
      const { rows } = await spanOf(connection, survivingRows(movableRows(kind, slice), kind, cutoffs));
      if (rows > 0) candidates.push({ part: { ...slice, rows }, bytes: sizeOf(kind, rows) });
    }
  }
  return candidates;
}

function victimShare({ files, folder, rules }: PreviewRequest, { part, bytes }: Candidate): Share {
  const { kind, from, to, rows } = part;
  const relation = survivingRows(rowsOf(part, files, folder), kind, rules.cutoffs);
  return { kind, from, to, rows, bytes, reason: 'budget', relation };
}

function rowsOf(part: Partition | Slice, files: readonly PartitionFile[], folder: PartitionFolder): string {
  if (!('id' in part)) return movableRows(part.kind, part);
  const path = files.find(({ id }) => id === part.id)?.path ?? '';
  return partitionRows(part.kind, [folder.quoted(path)]);
}

/** One item by level and reason. */
async function toItems(
  connection: DuckDBConnection,
  shares: readonly Share[],
): Promise<readonly ThinningItem[]> {
  const items: ThinningItem[] = [];
  for (const level of RETENTION_LEVELS) {
    for (const reason of ['age', 'budget'] as const) {
      const own = shares.filter((share) => LEVEL_OF[share.kind] === level && share.reason === reason);
      if (own.length > 0) items.push(await toItem(connection, { level, reason }, own));
    }
  }
  return items;
}

async function toItem(
  connection: DuckDBConnection,
  { level, reason }: { readonly level: RetentionLevel; readonly reason: ThinningReason },
  shares: readonly Share[],
): Promise<ThinningItem> {
  const series = new Set<number>();
  for (const { relation } of shares) {
    for (const [id = 0] of await numbers(connection, `SELECT DISTINCT series FROM ${relation}`))
      series.add(id);
  }
  const named = series.size === 0 ? 'NULL' : [...series].join(', ');
  const [counts] = await numbers(
    connection,
    `SELECT count(DISTINCT device), count(DISTINCT metric) FROM series WHERE id IN (${named})`,
  );
  const [devices = 0, metrics = 0] = counts ?? [];
  return {
    level,
    reason,
    fromMs: Math.min(...shares.map(({ from }) => from)),
    toMs: Math.max(...shares.map(({ to }) => to)),
    devices,
    metrics,
    rows: shares.reduce((sum, { rows }) => sum + rows, 0),
    bytes: shares.reduce((sum, share) => sum + share.bytes, 0),
  };
}
