import { problem, type SensoriumError } from '../../model/errors.ts';
import type { PayloadFormat } from '../../model/packet.ts';
import { CountingSink, hasManySeparators, isLarge, tooManyReadings } from './bounds.ts';
import { decodeCsv } from './csv.ts';
import { emitJson, parseJson } from './json.ts';
import { scanJson } from './json-scan.ts';
import { decodeNdjson } from './ndjson.ts';
import { decodeSenmlCbor, emitSenml, looksLikeSenml } from './senml.ts';
import type { ValueSink } from './sink.ts';
import { textOf } from './text.ts';

/**
 * Bytes of a message into raw values: the one door of this folder. It promises never to throw on foreign bytes,
 * to refuse a message with too many readings before the first of them is handed on, and to work in memory and
 * time proportional to the payload. It judges neither names nor values nor times.
 */

/**
 * Hands every value of `payload` to `sink`, in the order sent, and every unreadable item to `sink.reject`.
 * Returns an error where nothing can be used: 'payload.empty', 'payload.not_utf8', 'payload.not_json',
 * 'payload.shape', 'payload.not_csv', 'payload.not_senml', 'payload.not_cbor', 'payload.too_deep',
 * 'payload.too_many'. The sink has been given nothing then.
 *
 * `now` (milliseconds; the time of receipt) anchors SenML times relative to now (RFC 8428 §4.5.3).
 */
export function decode(
  payload: Uint8Array,
  format: PayloadFormat,
  sink: ValueSink,
  now?: number,
): SensoriumError | undefined {
  if (payload.length === 0) return problem('payload.empty', 'the payload has no bytes');
  if ((format === 'auto' || format === 'json') && scanJson(payload, sink)) return undefined;
  if (format === 'senml+cbor' || (format === 'auto' && isCborArray(payload))) {
    return decodeSenmlCbor(payload, sink, now);
  }
  const text = textOf(payload);
  if (text === undefined) return problem('payload.not_utf8', 'the payload has bytes that are no UTF-8');
  if (format === 'ndjson' || format === 'csv') {
    return decodeLines(text, format, sink, isLarge(payload) && hasManySeparators(payload));
  }
  const parsed = parseJson(text);
  if (!('root' in parsed)) return parsed;
  const { root } = parsed;
  const isSenml = format === 'senml+json' || (format === 'auto' && looksLikeSenml(root));
  return isSenml ? emitSenml(root, sink, now) : emitJson(root, sink, isLarge(payload));
}

function decodeLines(
  text: string,
  format: 'ndjson' | 'csv',
  sink: ValueSink,
  counted: boolean,
): SensoriumError | undefined {
  const read = format === 'ndjson' ? decodeNdjson : decodeCsv;
  if (counted) {
    const counter = new CountingSink();
    const fault = read(text, counter);
    if (fault !== undefined || counter.overflows) return fault ?? tooManyReadings();
  }
  return read(text, sink);
}

/** Major type 4 (RFC 8949 §3.1). No JSON text starts with such a byte: in UTF-8 it only continues a character. */
function isCborArray(payload: Uint8Array): boolean {
  const first = payload[0] ?? 0;
  return first >= 0x80 && first <= 0x9f;
}
