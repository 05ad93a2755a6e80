import { Buffer, isUtf8 } from 'node:buffer';

/**
 * Bytes as text, strictly: what is no UTF-8 is refused instead of being repaired with U+FFFD. One native call in
 * the usual case.
 */

const REPLACEMENT = '\uFFFD';
const BYTE_ORDER_MARK = 0xfeff;

/** The text without a byte order mark, or undefined where the bytes are no UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  const view = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = view.toString();
  // A replacement character is either an invalid byte or one that was really sent.
  if (text.includes(REPLACEMENT) && !isUtf8(bytes)) return undefined;
  // RFC 8259 §8.1: a parser may ignore the mark; spreadsheets write it into CSV.
  return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
}

const SHOWN_MAX_CHARS = 48;

/** A foreign text as it may stand in an error message: short, on one line, printable. */
export function shown(text: string): string {
  const short = text.length > SHOWN_MAX_CHARS ? `${text.slice(0, SHOWN_MAX_CHARS)}…` : text;
  return JSON.stringify(short);
}
