/**
 * The oracle: what was published, what each subscriber was handed, and every way in which the two may not differ. A
 * stream is what one publisher says at one QoS; its messages are numbered from 0 without gaps.
 */

/** Faults listed word for word; a broken server makes millions. */
const FAULTS_LISTED_MAX = 20;

export interface Stream {
  readonly publisher: string;
  readonly qos: 1 | 2;
}

const streamName = ({ publisher, qos }: Stream): string => `${publisher}/q${qos}`;

/** What one subscriber got of one stream. */
class Receipt {
  /** The lowest number that has not come, and those beyond it that have been skipped. */
  next = 0;
  readonly skipped = new Set<number>();
}

export class Ledger {
  readonly #sent = new Map<string, number>();
  readonly #receipts = new Map<string, Receipt>();
  readonly #faults: string[] = [];
  readonly #onFault: (text: string) => void;
  #faultCount = 0;
  deliveries = 0;
  #duplicates = 0;

  /** Faults are told as they are found: what else happens then may explain them. */
  constructor(onFault: (text: string) => void = () => undefined) {
    this.#onFault = onFault;
  }

  /** The number of the stream's next message. */
  number(stream: Stream): number {
    const name = streamName(stream);
    const next = this.#sent.get(name) ?? 0;
    this.#sent.set(name, next + 1);
    return next;
  }

  sent(stream: Stream): number {
    return this.#sent.get(streamName(stream)) ?? 0;
  }

  get messages(): number {
    return [...this.#sent.values()].reduce((sum, count) => sum + count, 0);
  }

  get summary(): string {
    const counts = `${this.messages} messages, ${this.deliveries} deliveries`;
    return `${counts} (${this.#duplicates} again at QoS 1), ${this.#faultCount} faults`;
  }

  /** The subscriber's application is handed a message; `isOnce` when both sides are at QoS 2. */
  deliver(subscriber: string, stream: Stream, seq: number, isOnce: boolean): void {
    const where = `${subscriber} ← ${streamName(stream)}`;
    const receipt = this.#receipt(where);
    this.deliveries += 1;
    if (!Number.isInteger(seq) || seq < 0 || seq >= this.sent(stream)) {
      this.fault(`${where}: ${seq} was never sent`);
    } else if (seq >= receipt.next) {
      for (let missing = receipt.next; missing < seq; missing += 1) receipt.skipped.add(missing);
      receipt.next = seq + 1;
    } else if (receipt.skipped.delete(seq)) {
      this.fault(`${where}: ${seq} came after ${receipt.next - 1}`);
    } else {
      this.#duplicates += 1;
      if (isOnce) this.fault(`${where}: ${seq} came twice, at QoS 2`);
    }
  }

  /** Messages published so far that have not come. */
  missing(subscriber: string, streams: readonly Stream[]): number {
    return streams.reduce((sum, stream) => {
      const { next, skipped } = this.#receipt(`${subscriber} ← ${streamName(stream)}`);
      return sum + this.sent(stream) - next + skipped.size;
    }, 0);
  }

  /** At the end: what never came. */
  close(subscribers: readonly string[], streams: readonly Stream[]): void {
    for (const subscriber of subscribers) {
      for (const stream of streams) {
        const where = `${subscriber} ← ${streamName(stream)}`;
        const { next, skipped } = this.#receipt(where);
        const sent = this.sent(stream);
        if (skipped.size > 0)
          this.fault(`${where}: ${skipped.size} lost, ${[...skipped].slice(0, 5).join(', ')} …`);
        if (next < sent) this.fault(`${where}: ${next}…${sent - 1} lost`);
      }
    }
  }

  fault(text: string): void {
    this.#faultCount += 1;
    if (this.#faults.length >= FAULTS_LISTED_MAX) return;
    this.#faults.push(text);
    this.#onFault(text);
  }

  get faults(): readonly string[] {
    const more = this.#faultCount - this.#faults.length;
    return more > 0 ? [...this.#faults, `and ${more} more`] : this.#faults;
  }

  #receipt(where: string): Receipt {
    const known = this.#receipts.get(where);
    if (known !== undefined) return known;
    const receipt = new Receipt();
    this.#receipts.set(where, receipt);
    return receipt;
  }
}
