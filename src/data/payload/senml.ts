import {
  BATCH_MAX_ITEMS,
  METRIC_NAME_MAX_CHARS,
  READINGS_PER_PACKET_MAX,
  UNIT_MAX_CHARS,
} from '../../base/limits.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import { tooManyItems, tooManyReadings } from './bounds.ts';
import { decodeCbor } from './cbor.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import type { Refusal, ValueSink } from './sink.ts';
import { shown } from './text.ts';

/**
 * SenML packs (RFC 8428), in JSON and CBOR, resolved record by record: base fields applied, times made absolute.
 * The metric is the full resolved name, base name and name run together, as the RFC has it: whether a part of
 * it names a device is not for a decoder to guess.
 */

/** RFC 8428 §4.4: the version a reader of this RFC understands. */
const VERSION = 10;
/** RFC 8428 §4.5.3: seconds below this are relative to now, others count from 1970. */
const RELATIVE_BELOW_S = 2 ** 28;
/** RFC 8428 §4.5.1. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9:./_-]*$/;

/** RFC 8428 §6, table 4: integers in the place of labels. */
const CBOR_LABELS: Readonly<Record<string, string>> = {
  '-6': 'bs',
  '-5': 'bv',
  '-4': 'bu',
  '-3': 'bt',
  '-2': 'bn',
  '-1': 'bver',
  '0': 'n',
  '1': 'u',
  '2': 'v',
  '3': 'vs',
  '4': 'vb',
  '5': 's',
  '6': 't',
  '7': 'ut',
  '8': 'vd',
};

const VALUE_LABELS = ['v', 'vs', 'vb', 'vd'] as const;
const BASE_TYPES: Readonly<Record<string, 'string' | 'number'>> = {
  bn: 'string',
  bt: 'number',
  bu: 'string',
  bv: 'number',
  bs: 'number',
};

/**
 * Is a JSON array a SenML pack rather than telemetry? Told by the first record: a base name or version, or a
 * name that is text beside a value. `[{"n":5}]` is a metric called n.
 */
export function looksLikeSenml(root: unknown): boolean {
  if (!Array.isArray(root)) return false;
  const first: unknown = root[0];
  if (!isJsonObject(first)) return false;
  if (typeof first.bn === 'string' || typeof first.bver === 'number') return true;
  return typeof first.n === 'string' && [...VALUE_LABELS, 's'].some((label) => Object.hasOwn(first, label));
}

export function decodeSenmlCbor(
  bytes: Uint8Array,
  sink: ValueSink,
  now: number | undefined,
): SensoriumError | undefined {
  const decoded = decodeCbor(bytes);
  if (!('root' in decoded)) return problem(...decoded);
  if (!Array.isArray(decoded.root)) return problem('payload.not_senml', 'a pack is an array of records');
  return emitSenml(decoded.root.map(withTextLabels), sink, now);
}

function withTextLabels(record: unknown): unknown {
  if (!isJsonObject(record)) return record;
  const named: Record<string, unknown> = { __proto__: null };
  for (const [label, value] of Object.entries(record)) {
    named[Object.hasOwn(CBOR_LABELS, label) ? (CBOR_LABELS[label] ?? label) : label] = value;
  }
  return named;
}

/** Base fields as they stand; each holds until another one replaces it (§4.1). */
interface Base {
  bn: string;
  bt: number;
  bu: string | undefined;
  bv: number;
  bs: number;
}

/** Resolves a parsed pack. `now` in milliseconds. */
export function emitSenml(
  root: unknown,
  sink: ValueSink,
  now: number | undefined,
): SensoriumError | undefined {
  if (!Array.isArray(root)) return problem('payload.not_senml', 'a pack is an array of records');
  if (root.length === 0) return problem('payload.empty', 'the pack has no records');
  if (root.length > BATCH_MAX_ITEMS) return tooManyItems();
  // What spoils the whole pack is looked for first: nothing may have been handed on when it is refused.
  let values = 0;
  for (const [index, record] of root.entries()) {
    const fault = packFault(record);
    if (fault !== undefined) return problem('payload.not_senml', `record ${index}: ${fault}`);
    // A record gives a value, and a sum beside it.
    values += isJsonObject(record) && Object.hasOwn(record, 's') ? 2 : 1;
  }
  if (values > READINGS_PER_PACKET_MAX) return tooManyReadings();
  const base: Base = { bn: '', bt: 0, bu: undefined, bv: 0, bs: 0 };
  for (const [index, record] of root.entries()) {
    if (!isJsonObject(record)) {
      sink.reject(index, 'payload.not_senml', 'a record must be an object');
      continue;
    }
    rebase(base, record);
    emitRecord(index, record, base, sink, now);
  }
  return undefined;
}

/** Faults of a record that make its neighbours unreadable too. */
function packFault(record: unknown): string | undefined {
  if (!isJsonObject(record)) return undefined;
  for (const [label, value] of Object.entries(record)) {
    // §4.4: a label that ends in "_" must be understood, or the pack must not be used.
    if (label.endsWith('_')) return `the field ${shown(label)} must be understood and is not known here`;
    const type = Object.hasOwn(BASE_TYPES, label) ? BASE_TYPES[label] : undefined;
    if (type !== undefined && !isOf(type, value)) return `${label} must be a ${type}`;
    if (label === 'bver' && !(Number.isInteger(value) && Number(value) >= 1)) {
      return 'bver must be a positive integer';
    }
    if (label === 'bver' && Number(value) > VERSION) return `bver is above ${VERSION}`;
  }
  return undefined;
}

function isOf(type: 'string' | 'number', value: unknown): boolean {
  return type === 'number' ? Number.isFinite(value) : typeof value === 'string';
}

function rebase(base: Base, { bn, bt, bu, bv, bs }: JsonObject): void {
  if (typeof bn === 'string') base.bn = bn;
  if (typeof bt === 'number') base.bt = bt;
  if (typeof bu === 'string') base.bu = bu;
  if (typeof bv === 'number') base.bv = bv;
  if (typeof bs === 'number') base.bs = bs;
}

interface Resolved {
  readonly name: string;
  readonly ts: number | undefined;
  readonly unit: string | undefined;
}

function emitRecord(
  index: number,
  record: JsonObject,
  base: Base,
  sink: ValueSink,
  now: number | undefined,
): void {
  const labels = VALUE_LABELS.filter((label) => Object.hasOwn(record, label));
  const hasSum = Object.hasOwn(record, 's');
  // A record of base fields alone says how to read the following ones.
  if (labels.length === 0 && !hasSum && !Object.hasOwn(record, 'n')) return;
  const resolved = resolve(record, base, now);
  const refusal = 'name' in resolved ? shapeFault(record, labels, hasSum) : resolved;
  if (refusal !== undefined) sink.reject(index, ...refusal);
  else if ('name' in resolved) emitValues(index, record, resolved, base, sink);
}

function resolve(record: JsonObject, base: Base, now: number | undefined): Resolved | Refusal {
  const { n = '', u = base.bu, t = 0 } = record;
  if (typeof n !== 'string') return ['payload.not_senml', 'n must be a string'];
  if (u !== undefined && typeof u !== 'string') return ['payload.not_senml', 'u must be a string'];
  if (typeof t !== 'number' || !Number.isFinite(t)) return ['payload.not_senml', 't must be a number'];
  if (u !== undefined && u.length > UNIT_MAX_CHARS) return ['payload.not_senml', 'u is too long'];
  const name = base.bn + n;
  // Length first: a base name of half a megabyte must not be read once per record.
  if (name.length > METRIC_NAME_MAX_CHARS || !NAME.test(name)) {
    return [
      'reading.name',
      `${shown(name)} is not a SenML name of up to ${METRIC_NAME_MAX_CHARS} characters`,
    ];
  }
  const seconds = base.bt + t;
  if (seconds >= RELATIVE_BELOW_S) return { name, unit: u, ts: Math.round(seconds * 1_000) };
  // Zero is "roughly now": the time of receipt, which whoever stores the reading knows.
  if (seconds === 0) return { name, unit: u, ts: undefined };
  if (now === undefined) return ['reading.timestamp', 'a relative time needs a time of receipt'];
  return { name, unit: u, ts: Math.round(now + seconds * 1_000) };
}

/** §4.2: exactly one value, or a sum with at most one; each of its own type. */
function shapeFault(
  { v, vs, vb, s }: JsonObject,
  labels: readonly string[],
  hasSum: boolean,
): Refusal | undefined {
  if (labels.length > 1) return ['payload.not_senml', `one value is allowed, not ${labels.join(' and ')}`];
  if (labels.length === 0 && !hasSum) return ['payload.not_senml', 'a record needs v, vs, vb or s'];
  if (hasSum && typeof s !== 'number') return ['reading.type', 's must be a number'];
  switch (labels[0]) {
    case 'v':
      return typeof v === 'number' ? undefined : ['reading.type', 'v must be a number'];
    case 'vs':
      return typeof vs === 'string' ? undefined : ['reading.type', 'vs must be a string'];
    case 'vb':
      return typeof vb === 'boolean' ? undefined : ['reading.type', 'vb must be a boolean'];
    case 'vd':
      return ['reading.type', 'data values (vd) cannot be stored as readings'];
    default:
      return undefined;
  }
}

function emitValues(
  index: number,
  { v, vs, vb, s }: JsonObject,
  { name, ts, unit }: Resolved,
  base: Base,
  sink: ValueSink,
): void {
  if (typeof v === 'number') sink.value(index, name, ts, base.bv + v, unit);
  else if (vs !== undefined) sink.value(index, name, ts, vs, unit);
  else if (vb !== undefined) sink.value(index, name, ts, vb, unit);
  if (typeof s === 'number') {
    // §4.2: a sum is the value integrated over time, in the unit multiplied by seconds.
    sink.value(index, `${name}.sum`, ts, base.bs + s, unit === undefined ? undefined : `${unit}.s`);
  }
}
