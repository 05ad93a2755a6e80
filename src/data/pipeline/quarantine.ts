import {
  QUARANTINE_MESSAGE_MAX_CHARS,
  QUARANTINE_PAYLOAD_MAX_BYTES,
  QUARANTINE_ROWS_PER_PACKET_MAX,
  QUARANTINE_SAMPLE_BYTES,
} from '../../base/limits.ts';
import type { LogRecord } from '../../model/packet.ts';
import type { Batch } from './batch.ts';
import type { CallTrace } from './call-trace.ts';
import type { RefusedPart } from './set-aside.ts';
import type { Verdict } from './verdict.ts';

/**
 * Sets packets aside: the reasons as rows, and the packet itself with all that is needed to try it again. The log is
 * trimmed, so the payload is copied. It must not know why something was refused, or how it is kept.
 */

/** A whole packet in the place of an item. */
const WHOLE_PACKET = -1;

interface Refusal {
  readonly record: LogRecord;
  readonly verdict: Verdict;
  /** Others of its readings are stored, now or before. */
  readonly isStored: boolean;
  /** What is tried again. */
  readonly before: RefusedPart | undefined;
  /** Of the device refused first. */
  readonly profileOf: (device: string) => { readonly id: string; readonly version: number } | undefined;
  /** Asked for where a part is refused. */
  readonly trace: () => CallTrace;
}

/** Puts what the verdict refuses into the batch. `told`: calls whose sender knows; they are no business of ours. */
export function setAside(batch: Batch, refusal: Refusal): void {
  const { record, verdict, isStored } = refusal;
  const { whole } = verdict;
  // Its sender was told of the others item by item; where nothing was stored after all, it was told wrong.
  const isTold = record.checked && isStored;
  const kept = verdict.rejections.filter(({ late }) => late || !isTold);
  if (whole === undefined && kept.length === 0) return;
  const first = whole ?? kept[0];
  const device = first?.device ?? record.origin;
  if (whole !== undefined) addRow(batch, record, { ...whole, index: WHOLE_PACKET });
  else for (const one of kept.slice(0, QUARANTINE_ROWS_PER_PACKET_MAX)) addRow(batch, record, one);
  const profile = refusal.profileOf(device);
  const { offset, origin, topic, receivedAt, format, payload } = record;
  const isKept = payload.length <= QUARANTINE_PAYLOAD_MAX_BYTES;
  batch.addAside({
    offset,
    origin,
    device,
    topic,
    receivedAt,
    format,
    isStored,
    profile: profile?.id ?? '',
    profileVersion: profile?.version ?? 0,
    refused: whole === undefined ? kept.length : 1,
    size: payload.length,
    payload: isKept ? new Uint8Array(payload) : undefined,
    part: isKept ? partOf(refusal, isTold) : undefined,
  });
}

/** The calls that may be tried again. */
export function callsIn({ bits, calls }: RefusedPart): ReadonlySet<number> {
  const found = new Set<number>();
  for (let call = 0; call < calls; call += 1) {
    if (((bits[call >> 3] ?? 0) >> (call & 7)) & 1) found.add(call);
  }
  return found;
}

function partOf({ verdict, isStored, before, trace }: Refusal, isTold: boolean): RefusedPart | undefined {
  if (verdict.whole !== undefined || !isStored) return before;
  const { calls, hash } = trace();
  const bits = new Uint8Array(Math.ceil(calls / 8));
  for (const call of isTold ? verdict.lateCalls : verdict.refusedCalls) {
    bits[call >> 3] = (bits[call >> 3] ?? 0) | (1 << (call & 7));
  }
  return { bits, calls, trace: hash };
}

function addRow(
  batch: Batch,
  record: LogRecord,
  {
    device,
    index,
    code,
    message,
  }: Pick<Verdict['rejections'][number], 'device' | 'index' | 'code' | 'message'>,
): void {
  batch.quarantine.push({
    offset: record.offset,
    device,
    topic: record.topic,
    receivedAt: record.receivedAt,
    index,
    code,
    message: message.slice(0, QUARANTINE_MESSAGE_MAX_CHARS),
    sample: sampleOf(record.payload),
  });
}

const lenient = new TextDecoder();
const CONTROL = /\p{Cc}/gu;

function sampleOf(payload: Uint8Array): string {
  return lenient.decode(payload.subarray(0, QUARANTINE_SAMPLE_BYTES)).replaceAll(CONTROL, '\uFFFD');
}
