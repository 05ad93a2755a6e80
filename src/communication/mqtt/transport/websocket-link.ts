/**
 * A WebSocket as a link: the bytes of its binary messages are the stream, wherever they are cut [MQTT-6.0.0-2]. Owns
 * pressure in both directions: a paused link reads nothing more from the network, and writing needs a drain when the
 * socket below does (nothing is compressed, so nothing waits in between).
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { invariant } from '../../../base/invariant.ts';
import { UNAUTHENTICATED_MAX_BYTES } from '../../../base/limits.ts';
import type { Link } from './link.ts';

/** RFC 6455, section 7.4.1. */
const CLOSE_NORMAL = 1000;
const CLOSE_UNSUPPORTED = 1003;
const CLOSE_TOO_BIG = 1009;

const BINARY = { binary: true, compress: false, fin: true } as const;
const CONNACK = 2;
/** Node reads so much at once at most. */
const CHUNK_MAX_BYTES = 65_536;

interface LinkEvents {
  data: [Buffer];
  drain: [];
  error: [];
  close: [];
}

export class WebSocketLink extends EventEmitter<LinkEvents> implements Link {
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  /** Messages of a chunk that was being read when the link was paused. */
  #waiting: Buffer[] = [];
  #isPaused = false;
  #isEnding = false;
  /** The WebSocket is; the link is when what waits has been taken, as with a socket: a DISCONNECT may be in it. */
  #isClosed = false;
  /** Bytes that came and are no whole message yet. */
  #incompleteBytes = 0;
  readonly #countBytes = (chunk: Buffer): void => this.#count(chunk.length);

  constructor({ webSocket, socket }: { readonly webSocket: WebSocket; readonly socket: Socket }) {
    super();
    this.#webSocket = webSocket;
    this.#socket = socket;
    webSocket.on('message', (data, isBinary) => this.#message(data, isBinary));
    // The protocol was violated: `ws` has said so with the right code, and closes.
    webSocket.on('error', () => undefined);
    webSocket.on('close', () => {
      this.#isClosed = true;
      this.#tellClose();
    });
    socket.on('drain', () => this.emit('drain'));
    socket.on('data', this.#countBytes);
  }

  get writable(): boolean {
    return !this.#isEnding && this.#webSocket.readyState === this.#webSocket.OPEN;
  }

  get writableLength(): number {
    return this.#webSocket.bufferedAmount;
  }

  get writableNeedDrain(): boolean {
    return this.#socket.writableNeedDrain;
  }

  write(bytes: Uint8Array): boolean {
    if (!this.writable) return false;
    this.#webSocket.send(bytes, BINARY);
    // The first word to a client that is let in: from here on its messages may be of full size.
    if ((bytes[0] ?? 0) >> 4 === CONNACK) this.#socket.off('data', this.#countBytes);
    return !this.#socket.writableNeedDrain;
  }

  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  end(): void {
    this.#close(CLOSE_NORMAL);
  }

  destroy(): void {
    this.#discard();
    this.#webSocket.terminate();
  }

  pause(): void {
    this.#isPaused = true;
    this.#webSocket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    while (!this.#isPaused) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.emit('data', next);
    }
    this.#tellClose();
    if (!this.#isPaused) this.#webSocket.resume();
  }

  #message(data: RawData, isBinary: boolean): void {
    this.#incompleteBytes = 0;
    if (this.#isEnding) return;
    // [MQTT-6.0.0-1]
    if (!isBinary) {
      this.#close(CLOSE_UNSUPPORTED);
      return;
    }
    invariant(Buffer.isBuffer(data), 'the binary type is nodebuffer');
    // A socket never emits nothing, and nobody behind a link expects it.
    if (data.length === 0) return;
    if (this.#isPaused) this.#waiting.push(data);
    else this.emit('data', data);
  }

  /** `ws` keeps a message until it is whole; a stranger's must not fill the memory. */
  #count(bytes: number): void {
    this.#incompleteBytes += bytes;
    if (this.#incompleteBytes > UNAUTHENTICATED_MAX_BYTES + CHUNK_MAX_BYTES) this.#close(CLOSE_TOO_BIG);
  }

  #close(code: number): void {
    if (this.#isEnding) return;
    this.#discard();
    this.#webSocket.close(code);
    // The peer's answer is to be read, whoever paused.
    this.#webSocket.resume();
  }

  /** Nothing more is handed on. */
  #discard(): void {
    this.#isEnding = true;
    this.#waiting = [];
    this.#tellClose();
  }

  #tellClose(): void {
    if (!this.#isClosed || this.#waiting.length > 0) return;
    this.#isClosed = false;
    process.nextTick(() => this.emit('close'));
  }
}
