import type { DeviceId } from './ids.ts';

/** How the bytes of a payload are to be read; `auto` looks at the topic and the first byte. */
export const PAYLOAD_FORMATS = ['auto', 'json', 'ndjson', 'csv', 'senml+json', 'senml+cbor'] as const;
export type PayloadFormat = (typeof PAYLOAD_FORMATS)[number];

/**
 * A user or service in the place of a device: `@name`. Device ids never start with `@`, so the two cannot meet.
 * Connectivity identity (who is connected) and data identity (whose readings these are) are two things: the
 * origin is the first; the pipeline derives the second from topic and registry.
 */
export type Origin = DeviceId | `@${string}`;

/** A message as received. */
export interface DataPacket {
  readonly origin: Origin;
  readonly topic: string;
  /** A view into a shared chunk: valid only during the call it is passed to; whoever keeps it copies it. */
  readonly payload: Uint8Array;
  /** Milliseconds since the epoch, by the server's clock. */
  readonly receivedAt: number;
  readonly qos: 0 | 1 | 2;
  readonly format: PayloadFormat;
  /** True when its sender was told item by item what was rejected (HTTP): those items need no quarantine. */
  readonly checked: boolean;
  /** What the transport keeps beside the payload, LOG_META_MAX_BYTES at most; opaque to everyone else. A view, as the payload. */
  readonly meta?: Uint8Array | undefined;
}

/** Position in the log: 0, 1, 2, … without gaps per appended packet (a failed commit may leave a gap). */
export type Offset = number;

export interface LogRecord extends DataPacket {
  readonly offset: Offset;
}
