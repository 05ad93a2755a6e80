import type { WebSocket } from 'ws';
import {
  LIVE_BUFFER_MAX_BYTES,
  ROWS_PER_CHUNK,
  STREAM_HEARTBEAT_MS,
  STREAM_STALLED_MS,
} from '../base/limits.ts';
import type { Principal } from '../model/ports/security.ts';
import type { Reading } from '../model/reading.ts';
import type { EndReason, OpenStream } from './open-streams.ts';

const BEATS_MISSED_MAX = STREAM_STALLED_MS / STREAM_HEARTBEAT_MS;
/** RFC 6455, section 7.4.1. */
const CLOSE_GOING_AWAY = 1001;
const CLOSE_POLICY = 1008;
/** A peer that does not answer the close frame is cut: rights end within a second, not when it likes. */
const CLOSE_PATIENCE_MS = 500;

/** One client of the live feed. Readings its socket has no room for are dropped, counted, and told. */
export class LiveSocket implements OpenStream {
  readonly principal: Principal;
  readonly #socket: WebSocket;
  #dropped = 0;
  #beatsMissed = 0;
  #ended = false;

  constructor({ socket, principal }: { readonly socket: WebSocket; readonly principal: Principal }) {
    this.principal = principal;
    this.#socket = socket;
    socket.on('pong', () => {
      this.#beatsMissed = 0;
    });
  }

  send(readings: readonly Reading[], dropped: number): void {
    this.#dropped += dropped;
    if (this.#ended) return;
    for (let i = 0; i < readings.length; i += ROWS_PER_CHUNK) {
      if (this.#socket.bufferedAmount > LIVE_BUFFER_MAX_BYTES) {
        this.#dropped += readings.length - i;
        return;
      }
      const some = readings.slice(i, i + ROWS_PER_CHUNK).map(toMessage);
      this.#socket.send(JSON.stringify({ readings: some, dropped: this.#dropped }));
      this.#dropped = 0;
    }
  }

  beat(): void {
    if (this.#beatsMissed >= BEATS_MISSED_MAX) {
      this.#socket.terminate();
      return;
    }
    this.#beatsMissed += 1;
    this.#socket.ping();
  }

  end(reason: EndReason): void {
    this.#ended = true;
    this.#socket.close(reason === 'server.stopping' ? CLOSE_GOING_AWAY : CLOSE_POLICY, reason);
    setTimeout(() => this.#socket.terminate(), CLOSE_PATIENCE_MS).unref();
  }
}

const toMessage = ({ device, metric, ts, value, unit }: Reading): Reading =>
  unit === undefined ? { device, metric, ts, value } : { device, metric, ts, value, unit };
