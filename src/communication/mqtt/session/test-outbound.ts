/** The outbound half of a session alone, for its tests: broker and session in one, a log in memory, a disk that waits. */
import { Encodings } from '../broker/encodings.ts';
import type { Message } from '../broker/message.ts';
import type { Retained } from '../broker/retained.ts';
import { Outbound } from './outbound.ts';
import type { DropReason, OutboundHost, Owner, Pump } from './outbound-host.ts';
import { TestReceiver } from './test-receiver.ts';

/** Commits and stores when told to. */
export class Host implements OutboundHost, Owner {
  readonly encodings = new Encodings(() => this.time);
  readonly #live = new Encodings(() => this.time);
  readonly log: { readonly message: Message; readonly receivedAt: number }[] = [];
  readonly gone = new Set<number>();
  readonly forbidden = new Set<string>();
  readonly drops: DropReason[] = [];
  readonly delivers = [0, 0, 0];
  readonly outbound = new Outbound(this, this);
  readonly #awaiting = new Set<Pump>();
  #waiters: (() => void)[] = [];
  durable = 0;
  isFull = false;
  isKept: boolean;
  time = 1_000_000;
  ids: readonly number[] | undefined;

  constructor(isKept = true) {
    this.isKept = isKept;
  }

  now(): number {
    return this.time;
  }

  read(offset: number): { readonly message: Message; readonly receivedAt: number } | undefined {
    return offset >= this.durable || this.gone.has(offset) ? undefined : this.log[offset];
  }

  retained(): Retained | undefined {
    return undefined;
  }

  delivered(qos: 0 | 1 | 2): void {
    this.delivers[qos] = (this.delivers[qos] ?? 0) + 1;
  }

  dropped(reason: DropReason): void {
    this.drops.push(reason);
  }

  awaitCommit(waiting: Pump): void {
    this.#awaiting.add(waiting);
  }

  mayReceive(topic: string): boolean {
    return !this.forbidden.has(topic);
  }

  changed(): void {
    // Its store is `whenStored`.
  }

  whenStored(then: () => void): void {
    if (this.isKept) this.#waiters.push(then);
    else then();
  }

  idsFor(): readonly number[] | undefined {
    return this.ids;
  }

  /** Published, not committed. */
  publish(
    text: string,
    qos: 0 | 1 | 2,
    more: Partial<Message> & { readonly isShared?: boolean } = {},
  ): number {
    const offset = this.log.length;
    const { isShared = false, ...rest } = more;
    const plain = { retain: false, passed: undefined, expiresAt: undefined, publisher: 0, ...rest };
    const message = { topic: 't', payload: Buffer.from(text), qos, offset, ...plain };
    this.log.push({ message, receivedAt: this.time });
    const delivery = { qos: 2, retainAsPublished: true, ids: this.ids } as const;
    this.outbound.deliver(this.#live.of(message), delivery, isShared);
    return offset;
  }

  commit(): void {
    this.durable = this.log.length;
    const awaiting = [...this.#awaiting];
    this.#awaiting.clear();
    for (const one of awaiting) one.pump();
  }

  /** The state is on disk: what waited for that goes on. */
  store(): void {
    for (const then of this.#waiters.splice(0)) then();
  }

  /** Everything settles. */
  settle(): void {
    this.commit();
    for (let i = 0; i < 10; i += 1) this.store();
  }

  connect(window?: number): TestReceiver {
    const receiver = new TestReceiver(window);
    this.outbound.attach(receiver);
    return receiver;
  }
}
