import { DATA_READ_ROUND_BYTES, LEDGER_SCAN_MAX_BYTES } from '../base/limits.ts';
import type { LogRecord, Offset } from '../model/packet.ts';
import { DROP_REASONS, LEDGER_ORIGIN, type LedgerReport, type LedgerRow } from '../model/ports/ledger.ts';
import type { LogReader } from '../model/ports/log.ts';
import { hourOf, hourStart } from './pipeline/ledger.ts';
import type { LedgerRequest, Store, StoredDrops, StoredLedgerRow } from './store/store.ts';
import { decodeTally } from './tally.ts';

/**
 * Adds the ledger up: what the store has of one moment, and what is in the log behind that moment. It must not know how
 * either came about.
 */

interface ReportOptions {
  readonly store: Pick<Store, 'ledger'>;
  /** The pipeline's: both read in one go what they read. Undefined while the log is not open. */
  readonly reader: () => LogReader | undefined;
}

type Counts = { -readonly [K in keyof Omit<StoredLedgerRow, 'sender' | 'hour'>]: number } & {
  pending: number;
};

/** A row while it is added up. */
interface Sum extends Counts {
  readonly sender: string;
  readonly hour: number;
  readonly drops: Map<number, number>;
}

export class LedgerReports {
  readonly #options: ReportOptions;

  constructor(options: ReportOptions) {
    this.#options = options;
  }

  /** `durable`: where the log ends. Throws what the store throws, and 'log.corrupt'. */
  async report(
    { request, durable }: { readonly request: LedgerRequest; readonly durable: Offset },
    signal: AbortSignal,
  ): Promise<LedgerReport> {
    const stored = await this.#options.store.ledger(request, signal);
    const sums = new Sums(stored.rows, stored.drops);
    const total = new Sums([stored.total], stored.totalDrops);
    const scanned = new Sums([], []);
    const end = await this.#scan(stored.offset, durable, (sender, hour, change) => {
      if (request.sender !== undefined && request.sender !== sender) return;
      if (hour < request.from || hour >= request.to) return;
      change(scanned.of(sender, hour));
      change(total.of('', 0));
    });
    let found = stored.found;
    const last = stored.found > stored.rows.length ? stored.rows.at(-1) : undefined;
    for (const sum of scanned.all()) {
      const isListed = sums.has(sum.sender, sum.hour);
      // What the store has of it was cut off with the end of the list.
      if (!isListed && last !== undefined && order(sum, last) > 0) continue;
      if (!isListed) found += 1;
      merge(sums.of(sum.sender, sum.hour), sum);
    }
    const rows = sums.all().toSorted(order).slice(0, request.limit).map(toRow);
    const { sender: _sender, hour: _hour, ...sum } = toRow(total.of('', 0));
    const addsUp = sum.missing === 0 && rows.every(({ missing }) => missing === 0);
    return { rows, total: sum, addsUp, found, beyond: Math.max(0, durable - end) };
  }

  /** Reads the log from where history stands; the offset it came to. */
  async #scan(
    from: Offset,
    durable: Offset,
    each: (sender: string, hour: number, change: (sum: Sum) => void) => void,
  ): Promise<Offset> {
    const reader = this.#options.reader();
    if (reader === undefined) return from;
    const rounds = LEDGER_SCAN_MAX_BYTES / DATA_READ_ROUND_BYTES;
    let at = from;
    const take = (record: LogRecord): void => {
      if (record.offset < durable) scanRecord(record, each);
      at = Math.min(record.offset + 1, durable);
    };
    for (let round = 0; round < rounds && at < durable; round += 1) {
      const before = at;
      const next = reader.read(at, DATA_READ_ROUND_BYTES, take);
      at = Math.min(Math.max(at, next), durable);
      if (at === before) break;
      await new Promise(setImmediate);
    }
    return at;
  }
}

function scanRecord(
  record: LogRecord,
  each: (sender: string, hour: number, change: (sum: Sum) => void) => void,
): void {
  if (record.origin !== LEDGER_ORIGIN) {
    each(record.origin, hourOf(record.receivedAt), (sum) => {
      sum.open += 1;
      sum.pending += 1;
    });
    return;
  }
  for (const { origin, hour, received, drops } of decodeTally(record.payload).entries) {
    each(origin, hour, (sum) => {
      sum.received += received;
      sum.open -= received;
      for (const [reason, count] of drops) {
        sum.open += count;
        sum.drops.set(reason, (sum.drops.get(reason) ?? 0) + count);
      }
    });
  }
}

/** Rows by sender and hour. */
class Sums {
  readonly #sums = new Map<string, Sum>();

  constructor(rows: readonly StoredLedgerRow[], drops: readonly StoredDrops[]) {
    for (const row of rows) {
      const { sender, hour } = row;
      this.#sums.set(keyOf(sender, hour), { ...row, pending: 0, drops: new Map() });
    }
    for (const { sender, hour, reason, count } of drops) this.of(sender, hour).drops.set(reason, count);
  }

  has(sender: string, hour: number): boolean {
    return this.#sums.has(keyOf(sender, hour));
  }

  of(sender: string, hour: number): Sum {
    const key = keyOf(sender, hour);
    const known = this.#sums.get(key);
    if (known !== undefined) return known;
    const none = { received: 0, open: 0, stored: 0, forwarded: 0, quarantined: 0, pending: 0 };
    const sum = { sender, hour, ...none, drops: new Map<number, number>() };
    this.#sums.set(key, sum);
    return sum;
  }

  all(): Sum[] {
    return [...this.#sums.values()];
  }
}

const keyOf = (sender: string, hour: number): string => `${hour} ${sender}`;

const order = (
  a: { readonly sender: string; readonly hour: number },
  b: { readonly sender: string; readonly hour: number },
): number => b.hour - a.hour || (a.sender < b.sender ? -1 : Number(a.sender > b.sender));

function merge(into: Sum, from: Sum): void {
  into.received += from.received;
  into.open += from.open;
  into.pending += from.pending;
  for (const [reason, count] of from.drops) into.drops.set(reason, (into.drops.get(reason) ?? 0) + count);
}

/** `open` was received, too: the log says so until a tally does. */
function toRow({
  sender,
  hour,
  received,
  open,
  stored,
  forwarded,
  quarantined,
  pending,
  drops,
}: Sum): LedgerRow {
  let dropped = 0;
  const reasons: Partial<Record<(typeof DROP_REASONS)[number], number>> = {};
  for (const [reason, count] of drops) {
    const name = DROP_REASONS[reason];
    if (name === undefined || count === 0) continue;
    dropped += count;
    reasons[name] = count;
  }
  const all = received + open;
  const missing = all - stored - forwarded - quarantined - dropped - pending;
  return {
    sender,
    hour: hourStart(hour),
    received: all,
    stored,
    forwarded,
    quarantined,
    dropped,
    pending,
    missing,
    reasons,
  };
}
