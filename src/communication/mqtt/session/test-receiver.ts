/** A connection as a session sees it, for tests: writes down what it is handed. */
import type { Encodings, Form } from '../broker/encodings.ts';
import type { ProtocolVersion } from '../codec/version.ts';
import type { Receiver } from './receiver.ts';

export class TestReceiver implements Receiver {
  readonly version: ProtocolVersion = 5;
  readonly window: number;
  hasRoom = true;
  /** Payloads longer than this are too large for the client. */
  maximum = Number.POSITIVE_INFINITY;
  /** `text@qos#id`, with `!` for DUP, `r` for RETAIN, and the subscription identifiers. */
  readonly sent: string[] = [];
  /** PUBRELs: `id`, or `id?` where the id is not known. */
  readonly released: string[] = [];

  constructor(window = 1_000) {
    this.window = window;
  }

  deliver(
    encodings: Encodings,
    { qos, retain, dup, ids }: Form,
    id: number,
  ): 'sent' | 'slow_subscriber' | 'too_large' {
    const { payload } = encodings.message;
    if (qos === 0 && !this.hasRoom) return 'slow_subscriber';
    if (payload.length > this.maximum) return 'too_large';
    const marks = `${dup ? '!' : ''}${retain ? 'r' : ''}${ids === undefined ? '' : ` ${ids.join()}`}`;
    this.sent.push(`${Buffer.from(payload).toString()}@${qos}#${id}${marks}`);
    return 'sent';
  }

  release(id: number, reason: number): void {
    this.released.push(reason === 0 ? `${id}` : `${id}?`);
  }

  /** What was sent since the last look. */
  take(): readonly string[] {
    return this.sent.splice(0);
  }
}
