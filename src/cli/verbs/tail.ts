import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../base/backoff.ts';
import { TAIL_BACKOFF_INITIAL_MS, TAIL_BACKOFF_MAX_MS } from '../../base/limits.ts';
import { systemRandom } from '../../base/random.ts';
import { problem, SensoriumError } from '../../model/errors.ts';
import type { AnyEvent } from '../../model/events.ts';
import type { Reading } from '../../model/reading.ts';
import { ServerProblem } from '../failure.ts';
import { hasFields, parseJson } from '../foreign.ts';
import { EXIT_OK } from '../io.ts';
import type { ServerClient } from '../server.ts';
import type { Session } from '../session.ts';
import { serverSentEvents } from '../sse.ts';
import { printable } from '../table.ts';
import { formatValue } from './query.ts';

export interface TailOptions {
  readonly device?: string | undefined;
  readonly events?: boolean | undefined;
  readonly type?: string | undefined;
  readonly count?: number | undefined;
  /** Milliseconds. */
  readonly for?: number | undefined;
}

/** One message of the live feed. */
interface LiveMessage {
  readonly readings: readonly Reading[];
  readonly dropped: number;
}

/** Timers hold no more (32 bits); nobody watches a terminal for 24 days. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** A source of lines that ends when the connection does, and throws when it cannot be made. */
type Follow = (server: ServerClient, emit: (item: object, text: () => string) => void) => Promise<void>;

/**
 * Follows live readings (WebSocket) or events (SSE) until `--count`, `--for` or Ctrl-C; a lost connection is
 * made again with back-off. What happens in between is not shown: history has it (`sensorium query`).
 */
export async function tail(options: TailOptions, session: Session): Promise<number> {
  const done = new AbortController();
  const limits = [session.interruption(), done.signal];
  if (options.for !== undefined) limits.push(AbortSignal.timeout(Math.min(options.for, TIMER_MAX_MS)));
  const signal = AbortSignal.any(limits);
  let left = options.count ?? Number.POSITIVE_INFINITY;
  const emit = (item: object, text: () => string): void => {
    if (left <= 0) return;
    left -= 1;
    if (session.json) session.answer(item);
    else session.say(text());
    if (left === 0) done.abort();
  };
  const follow: Follow = (options.events === true ? followEvents : followReadings)(options, signal, session);
  await keepFollowing({ follow, emit, signal, session });
  return EXIT_OK;
}

interface Keeping {
  readonly follow: Follow;
  readonly emit: (item: object, text: () => string) => void;
  readonly signal: AbortSignal;
  readonly session: Session;
}

/** The first connection must come about; later ones are tried until the bounds of the verb are reached. */
async function keepFollowing({ follow, emit, signal, session }: Keeping): Promise<void> {
  let server = await session.server();
  let attempt = -1;
  while (!signal.aborted) {
    try {
      await follow(server, (item, text) => {
        attempt = 0;
        emit(item, text);
      });
      attempt = Math.max(attempt, 0);
    } catch (cause) {
      if (signal.aborted) return;
      if (attempt < 0 || !mayPass(cause)) throw cause;
    }
    if (signal.aborted) return;
    const options = { initialMs: TAIL_BACKOFF_INITIAL_MS, maxMs: TAIL_BACKOFF_MAX_MS };
    const delay = backoffMs(attempt, options, systemRandom);
    attempt += 1;
    session.note('connection lost; trying again');
    await sleep(delay, undefined, { signal }).catch(() => undefined);
    // A restarted server has a new administration token and perhaps a new port.
    server = await session.server().catch(() => server);
  }
}

/** A server that is restarting or busy will be back; a no stays a no. */
function mayPass(cause: unknown): boolean {
  if (cause instanceof SensoriumError) return cause.code === 'server.unreachable';
  return cause instanceof ServerProblem && (cause.status >= 500 || cause.status === 429);
}

function followEvents(options: TailOptions, signal: AbortSignal, session: Session): Follow {
  return async (server, emit) => {
    const { device, type } = options;
    const response = await server.request('GET', '/api/v1/events', {
      query: { device, type },
      signal,
    });
    try {
      for await (const { event: name, data } of serverSentEvents(response)) {
        if (name === 'lost') session.note(`events skipped: too slow ${printable(data)}`);
        const event = parseJson(data);
        if (hasFields<AnyEvent>(event, ['type', 'time', 'subject'])) emit(event, () => eventLine(event));
      }
    } catch (cause) {
      if (!signal.aborted) throw problem('server.unreachable', 'the event stream broke off', { cause });
    }
  };
}

function followReadings(options: TailOptions, signal: AbortSignal, session: Session): Follow {
  return async (server, emit) => {
    const { default: WebSocket } = await import('ws');
    const url = new URL(`${server.url}/api/v1/live`.replace(/^http/, 'ws'));
    if (options.device !== undefined) url.searchParams.set('device', options.device);
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${server.token}` } });
    const stop = (): void => socket.terminate();
    signal.addEventListener('abort', stop, { once: true });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.on('message', (data: Buffer) => {
          const message = parseJson(data.toString('utf8'));
          if (!hasFields<LiveMessage>(message, ['readings'])) return;
          for (const reading of message.readings) emit(reading, () => readingLine(reading));
          if (message.dropped > 0) session.note(`${message.dropped} readings skipped: too slow`);
        });
        socket.on('close', () => resolve());
        socket.on('unexpected-response', (_request, response) => {
          reject(refusal(response.statusCode ?? 0, server));
          socket.terminate();
        });
        socket.on('error', (cause) =>
          reject(problem('server.unreachable', `${url.host}: ${cause.message}`, { cause })),
        );
      });
    } finally {
      signal.removeEventListener('abort', stop);
    }
  };
}

function refusal(status: number, server: ServerClient): Error {
  const detail = `${server.url}/api/v1/live answered ${status}`;
  if (status === 401) return problem('auth.invalid', detail);
  if (status === 403) return problem('auth.forbidden', detail);
  if (status === 404) return problem('request.not_found', detail);
  return problem('server.unreachable', detail);
}

function readingLine(reading: Reading): string {
  const unit = reading.unit === undefined ? '' : ` ${printable(reading.unit)}`;
  const time = new Date(reading.ts).toISOString();
  return `${time}  ${reading.device}  ${printable(reading.metric)} = ${formatValue(reading.value)}${unit}`;
}

function eventLine(event: AnyEvent): string {
  return `${event.time}  ${event.type}  ${printable(event.subject)}  ${printable(JSON.stringify(event.data))}`;
}
