import type { Encodings, Form } from '../broker/encodings.ts';
import type { ProtocolVersion } from '../codec/version.ts';

/** What a session needs of the connection it is attached to. */
export interface Receiver {
  readonly version: ProtocolVersion;
  /** Messages on their way at once: the client's receive maximum, within ours [MQTT-3.3.4-9]. */
  readonly window: number;
  /** A message handed over now leaves soon. */
  readonly hasRoom: boolean;
  /** False when it was dropped, with the reason. */
  deliver(encodings: Encodings, form: Form, packetId: number): 'sent' | 'slow_subscriber' | 'too_large';
  /** PUBREL. */
  release(packetId: number, reason: number): void;
}
