import type { ServerResponse } from 'node:http';
import { BoundedQueue } from '../base/bounded-queue.ts';
import type { Clock } from '../base/clock.ts';
import { LIVE_QUEUE_MAX, STREAM_STALLED_MS } from '../base/limits.ts';
import type { Principal } from '../model/ports/security.ts';
import type { EndReason, OpenStream } from './open-streams.ts';

export interface EventStreamOptions {
  readonly response: ServerResponse;
  readonly principal: Principal;
  readonly clock: Clock;
}

/** One frame of a server-sent event stream (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
export const frame = (event: string, data: unknown): string =>
  `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;

/**
 * One client of the event stream. What its socket does not take waits, up to LIVE_QUEUE_MAX; from then on events are
 * lost for this client until it has caught up, and it is told how many, at the place where they are missing.
 */
export class EventStream implements OpenStream {
  readonly principal: Principal;
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  readonly #queue = new BoundedQueue<string>(LIVE_QUEUE_MAX);
  #lost = 0;
  /** Since when the socket takes nothing, monotonic. */
  #blockedAt: number | undefined;

  constructor({ response, principal, clock }: EventStreamOptions) {
    this.principal = principal;
    this.#response = response;
    this.#clock = clock;
  }

  /** Answers with the head of the stream. */
  open(): void {
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // Proxies (nginx) would hold events back to fill a buffer.
      'x-accel-buffering': 'no',
    });
    this.#response.on('drain', () => this.#drain());
    // The client may be gone a moment before we are told so; what is written then is an error nobody needs.
    this.#response.on('error', () => undefined);
    this.#write(': connected\n\n');
  }

  send(text: string): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    if (this.#blockedAt === undefined) this.#write(text);
    else if (this.#lost > 0 || !this.#queue.push(text)) this.#lost += 1;
  }

  beat(): void {
    if (this.#blockedAt === undefined) this.#write(': beat\n\n');
    else if (this.#clock.monotonic() - this.#blockedAt >= STREAM_STALLED_MS) this.#response.destroy();
  }

  end(reason: EndReason): void {
    this.#response.end(frame('end', { code: reason }));
    // A client that reads nothing would hold the stream open beyond its rights.
    if (this.#blockedAt !== undefined) this.#response.destroy();
  }

  #write(text: string): void {
    const taken = this.#response.write(text);
    this.#blockedAt = taken ? undefined : (this.#blockedAt ?? this.#clock.monotonic());
  }

  #drain(): void {
    this.#blockedAt = undefined;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#write(next);
      if (this.#blockedAt !== undefined) return;
    }
    if (this.#lost === 0) return;
    const count = this.#lost;
    this.#lost = 0;
    this.#write(frame('lost', { count }));
  }
}
