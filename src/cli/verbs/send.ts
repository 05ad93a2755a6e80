import type { Readable } from 'node:stream';
import { SEND_BATCH_LINGER_MS, SEND_BATCH_MAX_BYTES, SEND_BATCH_MAX_LINES } from '../../base/limits.ts';
import type { IngestReceipt } from '../../model/ports/history.ts';
import type { ReadingValue, Rejection } from '../../model/reading.ts';
import { EXIT_FAILURE, EXIT_OK, UsageError } from '../io.ts';
import { devicePath, type ServerClient } from '../server.ts';
import type { Session } from '../session.ts';
import { printable } from '../table.ts';
import { readPair, readTimeMs } from '../values.ts';

export interface SendOptions {
  readonly ts?: string | undefined;
}

/** Sends readings of one device over HTTP and says, after the commit, what was taken; exit 1 if any was not. */
export async function send(
  device: string,
  values: readonly string[],
  options: SendOptions,
  session: Session,
): Promise<number> {
  const direct = values.length > 0 && values[0] !== '-' ? payloadOf(values, options) : undefined;
  const input = direct === undefined ? standardInput(options, session) : undefined;
  const server = await session.server();
  const tally = new Tally(session);
  if (direct !== undefined) tally.add(await post(server, device, direct, 'application/json'), 0);
  if (input !== undefined) {
    let sent = 0;
    for await (const lines of batches(input)) {
      const receipt = await post(server, device, `${lines.join('\n')}\n`, 'application/x-ndjson');
      tally.add(receipt, sent);
      sent += lines.length;
    }
  }
  return tally.close();
}

/** The server cuts long lists of rejections and says how many there were. */
interface Receipt extends IngestReceipt {
  readonly rejectedTotal?: number;
}

const post = (server: ServerClient, device: string, body: string, contentType: string): Promise<Receipt> =>
  server.json<Receipt>('POST', devicePath(device, '/telemetry'), ['accepted', 'rejected'], {
    body,
    contentType,
  });

class Tally {
  readonly #session: Session;
  readonly #rejected: Rejection[] = [];
  #accepted = 0;
  #refused = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  add(receipt: Receipt, firstIndex: number): void {
    this.#accepted += receipt.accepted;
    this.#refused += receipt.rejectedTotal ?? receipt.rejected.length;
    for (const item of receipt.rejected) {
      const rejection = { ...item, index: item.index + firstIndex };
      this.#rejected.push(rejection);
      const where = `item ${rejection.index}: [${rejection.code}]`;
      if (!this.#session.json) this.#session.note(`rejected ${where} ${printable(rejection.message)}`);
    }
  }

  close(): number {
    const accepted = this.#accepted;
    const rejected = this.#rejected;
    const rejectedTotal = this.#refused;
    if (this.#session.json) this.#session.answer({ accepted, rejected, rejectedTotal });
    else this.#session.say(`accepted ${accepted}, rejected ${rejectedTotal}`);
    return rejectedTotal === 0 ? EXIT_OK : EXIT_FAILURE;
  }
}

function payloadOf(values: readonly string[], options: SendOptions): string {
  const first = values[0] ?? '';
  if (/^\s*[[{]/.test(first)) return jsonPayload(values, options);
  const pairs = values.map((text) => readPair(text, 'metric'));
  const readings: Record<string, ReadingValue> = Object.fromEntries(pairs);
  const ts = readTs(options);
  return JSON.stringify(ts === undefined ? readings : { ts, values: readings });
}

function jsonPayload(values: readonly string[], options: SendOptions): string {
  const text = values[0] ?? '';
  if (values.length > 1) throw new UsageError('give one JSON payload, or metric=value pairs, not both');
  const ts = readTs(options);
  if (ts === undefined) return text;
  const payload = parseJson(text);
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload) || 'values' in payload) {
    throw new UsageError('--ts goes with metric=value pairs or one flat JSON object');
  }
  return JSON.stringify({ ts, values: payload });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`the payload is not JSON: ${cause instanceof Error ? cause.message : ''}`);
  }
}

function readTs(options: SendOptions): number | undefined {
  if (options.ts === undefined) return undefined;
  const ts = readTimeMs(options.ts, Date.now());
  if (ts === undefined)
    throw new UsageError(`--ts: "${options.ts}" is no time; use ISO 8601, epoch ms or -1h`);
  return ts;
}

function standardInput(options: SendOptions, session: Session): Readable {
  const input = session.io.stdin ?? process.stdin;
  if (input.isTTY === true) {
    throw new UsageError('nothing to send: give metric=value, a JSON payload, or NDJSON on standard input');
  }
  if (options.ts !== undefined) throw new UsageError('--ts does not go with standard input');
  return input;
}

/** Lines of standard input in batches, bounded by count, size and waiting time. Blank lines are left out. */
async function* batches(input: Readable): AsyncGenerator<readonly string[]> {
  const { createInterface } = await import('node:readline');
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[Symbol.asyncIterator]();
  let batch: string[] = [];
  let size = 0;
  let next = lines.next();
  for (;;) {
    const arrived = batch.length === 0 ? await next : await orLinger(next);
    if (arrived !== undefined) {
      if (arrived.done === true) break;
      next = lines.next();
      if (arrived.value.trim() === '') continue;
      batch.push(arrived.value);
      size += arrived.value.length;
      if (batch.length < SEND_BATCH_MAX_LINES && size < SEND_BATCH_MAX_BYTES) continue;
    }
    yield batch;
    batch = [];
    size = 0;
  }
  if (batch.length > 0) yield batch;
}

/** The next line, or undefined when it is not here in time. */
async function orLinger<T>(next: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const linger = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), SEND_BATCH_LINGER_MS);
  });
  try {
    return await Promise.race([next, linger]);
  } finally {
    clearTimeout(timer);
  }
}
