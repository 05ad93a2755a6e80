import type { Clock } from '../base/clock.ts';
import { LIVE_SUBSCRIBERS_MAX, STREAM_HEARTBEAT_MS, STREAM_SWEEP_MS } from '../base/limits.ts';
import type { ErrorCode } from '../model/errors.ts';
import { type Principal, principalKey, type SecurityFacade } from '../model/ports/security.ts';

export type EndReason = Extract<ErrorCode, 'auth.expired' | 'auth.invalid' | 'server.stopping'>;

export interface OpenStream {
  readonly principal: Principal;
  /** Ends the stream now, telling why. */
  end(reason: EndReason): void;
  /** Time for a sign of life, every STREAM_HEARTBEAT_MS. */
  beat(): void;
}

/**
 * All open event streams and live sockets. Ends them when the rights of their principal do: on revocation at once,
 * on expiry within STREAM_SWEEP_MS, on stop. One timer for all, and none while nobody listens.
 */
export class OpenStreams {
  readonly #security: Pick<SecurityFacade, 'onRevoked'>;
  readonly #clock: Clock;
  /** Stream → when it beat last, monotonic. */
  readonly #streams = new Map<OpenStream, number>();
  #timer: NodeJS.Timeout | undefined;
  #unlisten: (() => void) | undefined;

  constructor(security: Pick<SecurityFacade, 'onRevoked'>, clock: Clock) {
    this.#security = security;
    this.#clock = clock;
  }

  get size(): number {
    return this.#streams.size;
  }

  get full(): boolean {
    return this.#streams.size >= LIVE_SUBSCRIBERS_MAX;
  }

  /** Returns the removal, for when the client is gone. */
  add(stream: OpenStream): () => void {
    this.#streams.set(stream, this.#clock.monotonic());
    this.#timer ??= setInterval(() => this.sweep(), STREAM_SWEEP_MS).unref();
    this.#unlisten ??= this.#security.onRevoked((principal) => this.#endOf(principal));
    return () => this.#remove(stream);
  }

  closeAll(reason: EndReason): void {
    for (const stream of this.#streams.keys()) this.#end(stream, reason);
  }

  /** Ends what has expired, beats where it is time. */
  sweep(): void {
    const wall = this.#clock.now();
    const elapsed = this.#clock.monotonic();
    for (const [stream, beatAt] of this.#streams) {
      const { expiresAt } = stream.principal;
      if (expiresAt !== undefined && expiresAt <= wall) this.#end(stream, 'auth.expired');
      else if (elapsed - beatAt >= STREAM_HEARTBEAT_MS) {
        this.#streams.set(stream, elapsed);
        stream.beat();
      }
    }
  }

  #endOf(principal: string): void {
    for (const stream of this.#streams.keys()) {
      if (principalKey(stream.principal) === principal) this.#end(stream, 'auth.invalid');
    }
  }

  #end(stream: OpenStream, reason: EndReason): void {
    this.#remove(stream);
    stream.end(reason);
  }

  #remove(stream: OpenStream): void {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#unlisten?.();
    this.#unlisten = undefined;
  }
}
