import { DuckDBBlobValue, type DuckDBConnection, type DuckDBValue } from '@duckdb/node-api';
import type { ErrorCode } from '../../../model/errors.ts';
import type { Offset, PayloadFormat } from '../../../model/packet.ts';
import type { QuarantinedPacket, QuarantineFilter, QuarantineRow } from '../../../model/ports/quarantine.ts';
import type { SetAside } from '../../pipeline/set-aside.ts';
import type { AsideRequest, Asides } from '../store.ts';

/** The statements that read the quarantine. What a user named is bound, never part of the text. */

const ROW = `q.log_offset::DOUBLE, q.device, q.topic, q.received_at::DOUBLE, q.item, q.code, q.message, q.sample,
  p.origin, p.is_stored, p.profile, p.profile_version, p.size, p.payload IS NOT NULL`;
const FROM = 'FROM quarantine q JOIN quarantine_packets p ON p.log_offset = q.log_offset';

/** Conditions on reasons, and the values they are bound to, from $1 on. */
function conditionsOf(filter: QuarantineFilter): { readonly all: string; readonly values: DuckDBValue[] } {
  const values: DuckDBValue[] = [];
  const conditions = ['true'];
  const add = (value: DuckDBValue | undefined, condition: string): void => {
    if (value === undefined) return;
    values.push(value);
    conditions.push(`${condition} $${values.length}`);
  };
  add(filter.device, 'q.device =');
  add(filter.code, 'q.code =');
  add(filter.since, 'q.received_at >=');
  add(filter.until, 'q.received_at <');
  return { all: conditions.join(' AND '), values };
}

/** Reasons that fit, newest packets first. */
export async function readReasons(
  connection: DuckDBConnection,
  filter: QuarantineFilter,
  limit: number,
): Promise<readonly QuarantineRow[]> {
  const { all, values } = conditionsOf(filter);
  const found = await connection.runAndReadAll(
    `SELECT ${ROW} ${FROM} WHERE ${all} ORDER BY q.log_offset DESC, q.seq LIMIT $${values.length + 1}`,
    [...values, BigInt(limit)],
  );
  return found.getRows().map(toRow);
}

export async function readPacket(
  connection: DuckDBConnection,
  offset: Offset,
): Promise<QuarantinedPacket | undefined> {
  const at = [BigInt(offset)];
  const rows = await connection.runAndReadAll(
    `SELECT ${ROW} ${FROM} WHERE q.log_offset = $1 ORDER BY q.seq`,
    at,
  );
  const found = await connection.runAndReadAll(
    'SELECT refused, format, payload FROM quarantine_packets WHERE log_offset = $1',
    at,
  );
  const packet = found.getRows()[0];
  if (packet === undefined) return undefined;
  const [refused, format, payload] = packet;
  return {
    rows: rows.getRows().map(toRow),
    refused: Number(refused),
    format: String(format) as PayloadFormat,
    payload: toBytes(payload),
  };
}

/** Oldest first. The sum of payloads is bounded by the statement, so that none too many is read. */
export async function readAsides(connection: DuckDBConnection, request: AsideRequest): Promise<Asides> {
  const { filter, offset, after, limit, maxBytes } = request;
  const { all, values } = conditionsOf(filter);
  values.push(BigInt(after));
  const place = `log_offset > $${values.length}`;
  const one = offset === undefined ? '' : ` AND log_offset = ${BigInt(offset)}`;
  const found = await connection.runAndReadAll(
    `WITH fitting AS (
       SELECT log_offset, kept FROM quarantine_packets WHERE ${place}${one} AND log_offset IN (
         SELECT log_offset FROM quarantine q WHERE ${all}) ORDER BY log_offset LIMIT ${limit + 1}),
     sized AS (SELECT log_offset, row_number() OVER w AS place, sum(kept) OVER w AS bytes
       FROM fitting WINDOW w AS (ORDER BY log_offset)),
     chosen AS (SELECT log_offset FROM sized WHERE place = 1 OR (place <= ${limit} AND bytes <= ${maxBytes}))
     SELECT log_offset::DOUBLE, origin, device, topic, received_at::DOUBLE, format, is_stored, profile,
       profile_version, refused, size, payload, bits, calls, trace, (SELECT count(*) FROM fitting)::DOUBLE
     FROM quarantine_packets WHERE log_offset IN (SELECT log_offset FROM chosen) ORDER BY log_offset`,
    values,
  );
  const rows = found.getRows();
  return { packets: rows.map(toAside), hasMore: Number(rows[0]?.at(-1) ?? 0) > rows.length };
}

function toRow(row: readonly DuckDBValue[]): QuarantineRow {
  const [offset, device, topic, receivedAt, index, code, message, sample, origin, isStored] = row;
  const [profile, profileVersion, size, hasPayload] = row.slice(10);
  return {
    offset: Number(offset),
    device: String(device),
    topic: String(topic),
    receivedAt: Number(receivedAt),
    index: Number(index),
    code: String(code) as ErrorCode,
    message: String(message),
    sample: String(sample),
    origin: String(origin),
    stored: Number(isStored) === 1,
    profile: String(profile),
    profileVersion: Number(profileVersion),
    bytes: Number(size),
    replayable: hasPayload === true,
  };
}

function toAside(row: readonly DuckDBValue[]): SetAside {
  const [offset, origin, device, topic, receivedAt, format, isStored, profile, profileVersion] = row;
  const [refused, size, payload, bits, calls, trace] = row.slice(9);
  const known = toBytes(bits);
  return {
    offset: Number(offset),
    origin: String(origin),
    device: String(device),
    topic: String(topic),
    receivedAt: Number(receivedAt),
    format: String(format) as PayloadFormat,
    isStored: Number(isStored) === 1,
    profile: String(profile),
    profileVersion: Number(profileVersion),
    refused: Number(refused),
    size: Number(size),
    payload: toBytes(payload),
    part: known === undefined ? undefined : { bits: known, calls: Number(calls), trace: Number(trace) },
  };
}

const toBytes = (value: DuckDBValue | undefined): Uint8Array | undefined =>
  value instanceof DuckDBBlobValue ? new Uint8Array(value.bytes) : undefined;
