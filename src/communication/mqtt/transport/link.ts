/**
 * The words of the transports. A link is what MQTT needs of a byte stream in both directions: `net.Socket` and
 * `TLSSocket` are links as they are (the hot path has no further layer), a WebSocket is made one.
 */

/** After `pause()` no `data` comes before `resume()`; `writableNeedDrain` ends with `drain`. */
export interface Link {
  readonly writable: boolean;
  /** Bytes written that have not left. */
  readonly writableLength: number;
  readonly writableNeedDrain: boolean;
  write(bytes: Uint8Array): boolean;
  cork(): void;
  uncork(): void;
  /** Lets what was written leave, then says goodbye in the transport's own way. */
  end(): unknown;
  destroy(): unknown;
  pause(): unknown;
  resume(): unknown;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'drain' | 'error' | 'close', listener: () => void): unknown;
}

/** Named like the schemes of their addresses: `mqtt://`, `mqtts://`, `ws://`, `wss://`. */
export const LISTENER_NAMES = ['mqtt', 'mqtts', 'ws', 'wss'] as const;
export type ListenerName = (typeof LISTENER_NAMES)[number];

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** One row of the listener table. */
export interface ListenerRow extends Address {
  readonly name: ListenerName;
  readonly transport: 'tcp' | 'tls' | 'ws' | 'wss';
}

/** A connection that is through its transport's handshake and has not spoken MQTT yet. */
export interface Accepted {
  readonly socket: Link;
  readonly listener: ListenerName;
  /** Of the peer. */
  readonly address: string;
  /** Whom a certificate of ours names; undefined where the peer showed none. */
  readonly certificateName: string | undefined;
}
