import type { Clock } from '../../base/clock.ts';
import { COMMAND_LINGER_MS, COMMAND_TICK_MS, COMMAND_TIMEOUT_MAX_MS } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { TimerWheel } from '../../base/timer-wheel.ts';
import { type Command, type ExpiryReason, isOpen } from '../../model/commands.ts';
import type { Device } from '../../model/device.ts';
import { asSensoriumError, problem, type SensoriumError } from '../../model/errors.ts';
import type { CommandRequest, Commands } from '../../model/ports/commands.ts';
import type { EventPublisher } from '../../model/ports/events.ts';
import type { HeardMessage, Listening, Messaging } from '../../model/ports/messaging.ts';
import type { Meter } from '../../model/ports/meter.ts';
import type { DeviceLinks } from '../../model/ports/presence.ts';
import type { Registry } from '../../model/ports/registry.ts';
import type { StateStore } from '../../model/ports/state.ts';
import { quoted } from '../registry/text-rules.ts';
import { CommandBook } from './command-book.ts';
import { RequestIds } from './command-id.ts';
import { declaredCommand, judgeRequest } from './command-rules.ts';
import { parseReplyTopic, REPLY_FILTERS } from './command-topics.ts';
import { Courier } from './courier.ts';
import { type OpenCommand, OpenCommands } from './open-commands.ts';
import { type Outcome, outcomeOf } from './outcome.ts';
import { type Reply, readReply } from './reply.ts';
import { Waiters } from './waiters.ts';

interface CommandServiceOptions {
  readonly state: StateStore;
  readonly registry: Registry;
  readonly messaging: Messaging;
  /** Connections as they are: events of them are damped. */
  readonly links: DeviceLinks;
  readonly events: EventPublisher;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Commands: from the request to the reply, over time-outs, connections that come and go, and restarts. Promises that each
 * ends exactly once, that an at-most-once command is never published twice (a crash in between ends it unsent), and that
 * what a caller was told is open is on disk. It must not know how a message reaches a device.
 */
export class CommandService implements Commands {
  readonly #options: CommandServiceOptions;
  readonly #book: CommandBook;
  readonly #open = new OpenCommands();
  readonly #courier: Courier;
  readonly #waiters = new Waiters();
  readonly #ids: RequestIds;
  readonly #outcomes = { answered: 0, failed: 0, expired: 0 };
  readonly #undo: (() => void)[] = [];
  #wheel: TimerWheel<OpenCommand>;
  #ignored = 0;
  #isRunning = false;

  constructor(options: CommandServiceOptions) {
    this.#options = options;
    const { state, logger, events, messaging, links, random } = options;
    this.#ids = new RequestIds(random);
    this.#book = new CommandBook({ state, logger });
    this.#courier = new Courier({ messaging, events, monotonic: () => this.#monotonic() });
    this.#wheel = this.#newWheel();
    // For good: connections outlive a restart of this room in place.
    links.onLink((device, isConnected) => {
      if (isConnected) this.#connected(device);
      else this.#disconnected(device);
    });
  }

  /** In words; empty when nothing is wrong. */
  get faults(): readonly string[] {
    return this.#book.fault === undefined ? [] : [`commands cannot be stored: ${this.#book.fault}`];
  }

  start(): void {
    const { messaging, registry, meter } = this.#options;
    this.#wheel = this.#newWheel();
    this.#open.clear();
    for (const command of this.#book.load()) this.#resume(command);
    const timer = setInterval(() => this.tick(), COMMAND_TICK_MS).unref();
    this.#undo.push(
      () => clearInterval(timer),
      ...REPLY_FILTERS.map((filter) => messaging.subscribe(filter, (message) => this.#heard(message))),
      messaging.onSubscribed((listening) => this.#subscribed(listening)),
      registry.onChange((change) => {
        if (change.kind === 'device-removed') this.#removed(change.id);
      }),
      meter.collect('iot_commands_open', () => this.#open.size),
      meter.collect('iot_command_replies_ignored_total', () => this.#ignored),
      ...(['answered', 'failed', 'expired'] as const).map((outcome) =>
        meter.collect('iot_commands_total', () => this.#outcomes[outcome], { outcome }),
      ),
    );
    this.#waiters.open();
    this.#isRunning = true;
  }

  /** What is open stays so, on disk; who waits for its end is told how it stands. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    for (const undo of this.#undo.splice(0)) undo();
    this.#waiters.releaseAll();
    await this.#book.settled();
  }

  async send(request: CommandRequest): Promise<Result<Command, SensoriumError>> {
    const { registry } = this.#options;
    const device = registry.get(request.device);
    if (device === undefined)
      return err(problem('device.unknown', `${quoted(request.device)} is not registered`));
    const judged = await judgeRequest(request, registry.profile(device.profile));
    if (!judged.ok) return judged;
    if (!this.#isRunning) return err(problem('registry.unavailable', 'commands are not taken at present'));
    const { payload, terms } = judged.value;
    const refusal = this.#open.refusal(device.id, payload.length);
    if (refusal !== undefined) return err(refusal);
    const createdAt = this.#options.clock.now();
    const { name, arguments: args, by } = request;
    const id = this.#ids.next(createdAt);
    const known = { id, device: device.id, name, arguments: args, by, createdAt } as const;
    const open = this.#admit({ ...known, ...terms, state: 'queued', attempts: 0 }, { device, payload });
    this.#pass(open);
    return await this.#untilTold(open, request.waitMs);
  }

  /** Nobody is told that it is open before it is on disk; one that ends at once is written once. */
  async #untilTold(open: OpenCommand, waitMs: number): Promise<Result<Command, SensoriumError>> {
    const lingerMs = open.command.state === 'sent' ? Math.min(waitMs, COMMAND_LINGER_MS) : 0;
    if (await this.#endWithin(open, lingerMs)) return ok(open.command);
    const stored = this.#store(open);
    if (await this.#endWithin(open, waitMs - lingerMs)) return ok(open.command);
    try {
      await stored;
    } catch (cause) {
      this.#forget(open);
      return err(asSensoriumError(cause));
    }
    return ok(open.command);
  }

  async wait(id: string, waitMs: number): Promise<Command | undefined> {
    const open = this.#open.get(id);
    if (open === undefined) return this.#book.get(id);
    await this.#endWithin(open, waitMs);
    return open.command;
  }

  get(id: string): Command | undefined {
    return this.#open.get(id)?.command ?? this.#book.get(id);
  }

  list({ device, limit }: { readonly device: string; readonly limit: number }): readonly Command[] {
    const open = this.#open.of(device).map(({ command }) => command);
    return [...open, ...this.#book.of(device, limit)]
      .toSorted((a, b) => (a.id < b.id ? 1 : -1))
      .slice(0, limit);
  }

  async cancel(id: string, by: string): Promise<Result<Command, SensoriumError>> {
    const open = this.#open.get(id);
    if (open === undefined) {
      const ended = this.#book.get(id);
      if (ended === undefined) return err(problem('command.not_found', `there is no command ${quoted(id)}`));
      return err(problem('command.ended', `it is ${ended.state}`));
    }
    this.#options.logger.info({ command: id, device: open.command.device, by }, 'command cancelled');
    try {
      await this.#expire(open, 'cancelled');
    } catch (cause) {
      return err(asSensoriumError(cause));
    }
    return ok(open.command);
  }

  /** Looks for what is due; every COMMAND_TICK_MS. */
  tick(): void {
    for (const open of this.#wheel.due(this.#options.clock.monotonic())) this.#due(open);
  }

  #newWheel(): TimerWheel<OpenCommand> {
    return new TimerWheel({ slotMs: COMMAND_TICK_MS, now: this.#options.clock.monotonic() });
  }

  #admit(
    command: Command,
    { device, payload }: { readonly device: Device | undefined; readonly payload: string },
  ): OpenCommand {
    const { clock } = this.#options;
    const begunAt = clock.monotonic();
    // What was asked for before a restart has waited by the wall; from here on it waits by the monotonic clock.
    const waited = Math.min(Math.max(0, clock.now() - command.createdAt), command.expiryMs);
    const open: OpenCommand = {
      command,
      payload,
      gateway: device?.parent,
      begunAt,
      expiresAt: begunAt + command.expiryMs - waited,
      isRecorded: false,
      ended: Promise.withResolvers(),
    };
    this.#open.add(open);
    return open;
  }

  /** After a restart nobody is connected. What was sent at most once may still be answered; the rest waits. */
  #resume(command: Command): void {
    const device = this.#options.registry.get(command.device);
    const open = this.#admit(command, { device, payload: JSON.stringify(command.arguments) });
    open.isRecorded = true;
    if (device === undefined) background(this.#expire(open, 'removed'));
    else if (command.state === 'queued' || this.#mayGo(open)) this.#requeue(open);
    else this.#wheel.set(open, open.begunAt + command.timeoutMs);
  }

  /** Sends it, or waits for the device to listen. */
  #pass(open: OpenCommand): void {
    const listensIn = this.#courier.listensIn(open);
    if (listensIn === 0) this.#send(open);
    else this.#wheel.set(open, Math.min(open.expiresAt, this.#monotonic() + (listensIn ?? Infinity)));
  }

  #send(open: OpenCommand): void {
    const { command } = open;
    const sentAt = this.#options.clock.now();
    open.command = { ...command, state: 'sent', attempts: command.attempts + 1, sentAt };
    this.#wheel.set(open, this.#monotonic() + command.timeoutMs);
    const stored = open.isRecorded ? this.#book.save(open.command) : undefined;
    if (stored === undefined || command.delivery === 'at-least-once') {
      if (stored !== undefined) background(stored);
      void this.#publish(open);
      return;
    }
    // It must be known to be sent before it is: whoever reads the disk after a crash does not send it again.
    const publish = (): void => {
      if (this.#open.has(open)) void this.#publish(open);
    };
    stored.then(publish, () => this.#takeBack(open));
  }

  async #publish(open: OpenCommand): Promise<void> {
    try {
      await this.#courier.publish(open);
    } catch (cause) {
      const { id, device } = open.command;
      this.#options.logger.warn({ command: id, device, error: String(cause) }, 'a command was not published');
      // A refused message of QoS 0 reached nobody; one of QoS 1 may be sent again by its nature.
      this.#takeBack(open);
    }
  }

  /** It was not sent after all, and is tried again soon. */
  #takeBack(open: OpenCommand): void {
    const { state, attempts } = open.command;
    if (state !== 'sent' || !this.#open.has(open)) return;
    open.command = { ...open.command, state: 'queued', attempts: attempts - 1 };
    this.#wheel.set(open, Math.min(open.expiresAt, this.#monotonic() + RETRY_MS));
  }

  /** May it be sent (once more)? A device that has told of progress has it. */
  #mayGo({ command, expiresAt }: OpenCommand): boolean {
    const { attempts, retries, delivery, progress } = command;
    const isRepeatable = delivery === 'at-least-once' && attempts <= retries && progress === undefined;
    return (attempts === 0 || isRepeatable) && this.#monotonic() < expiresAt;
  }

  #due(open: OpenCommand): void {
    if (this.#mayGo(open)) this.#requeue(open);
    else background(this.#expire(open, open.command.attempts > 0 ? 'timeout' : 'offline'));
  }

  #requeue(open: OpenCommand): void {
    open.command = { ...open.command, state: 'queued' };
    this.#pass(open);
  }

  #connected(device: string): void {
    this.#courier.links.connected(device);
    for (const open of this.#open.heardBy(device)) if (open.command.state === 'queued') this.#pass(open);
  }

  /** In the turn of its subscription: what is published now reaches it. */
  #subscribed(listening: Listening): void {
    this.#courier.subscribed(listening);
    for (const open of this.#open.heardBy(listening.device)) {
      if (open.command.state === 'queued' && this.#courier.reaches(listening, open)) this.#send(open);
    }
  }

  /** What was on its way waits for the device to come back, where it may be sent again. */
  #disconnected(device: string): void {
    const { links } = this.#courier;
    const carried = this.#open.heardBy(device).filter((open) => this.#courier.addressee(open) === device);
    if (!links.disconnected(device)) return;
    for (const open of carried) if (open.command.state === 'sent' && this.#mayGo(open)) this.#requeue(open);
  }

  #removed(device: string): void {
    this.#courier.links.forget(device);
    for (const open of this.#open.of(device)) background(this.#expire(open, 'removed'));
  }

  /** The promise is that of the disk: the device is acknowledged when its reply is safe. */
  #heard({ topic, origin, payload }: HeardMessage): Promise<void> | undefined {
    const address = parseReplyTopic(topic);
    const open = address === undefined ? undefined : this.#open.get(address.request);
    const isOwn =
      address !== undefined &&
      open?.command.device === address.device &&
      origin === address.speaker &&
      (address.speaker === address.device ||
        this.#options.registry.get(address.device)?.parent === address.speaker);
    if (open === undefined || !isOwn) {
      this.#ignored += 1;
      return undefined;
    }
    return this.#replied(open, readReply(payload));
  }

  async #replied(open: OpenCommand, reply: Reply): Promise<void> {
    if (reply.kind === 'running') {
      this.#progressed(open, reply);
      return;
    }
    const { registry } = this.#options;
    const { device, name } = open.command;
    const profile = registry.profile(registry.get(device)?.profile ?? '');
    await this.#end(open, await outcomeOf(reply, declaredCommand(profile, name)?.reply));
  }

  /** Who works on it gets its time again, for a day in all. */
  #progressed(
    open: OpenCommand,
    { percent, message }: { percent?: number | undefined; message?: string | undefined },
  ): void {
    const at = this.#options.clock.now();
    open.command = { ...open.command, state: 'sent', progress: { at, percent, message } };
    const now = this.#monotonic();
    const latest = open.expiresAt + COMMAND_TIMEOUT_MAX_MS;
    this.#wheel.set(open, Math.min(now + open.command.timeoutMs, latest));
  }

  async #expire(open: OpenCommand, reason: ExpiryReason): Promise<void> {
    await this.#end(open, { state: 'expired', reason });
  }

  /** Once. Resolves when it is on disk. */
  async #end(open: OpenCommand, how: Outcome | Expiry): Promise<void> {
    if (!this.#open.has(open)) return;
    const { events, meter, clock } = this.#options;
    this.#forget(open);
    open.command = { ...open.command, ...how, endedAt: clock.now() };
    const { id: request, device, name: command, reason = 'timeout' } = open.command;
    const about = { device, command, request };
    this.#outcomes[how.state] += 1;
    if (how.state === 'expired') events.publish('command.expired', device, { ...about, reason });
    else {
      const durationMs = Math.round(this.#monotonic() - open.begunAt);
      meter.observe('iot_command_seconds', durationMs / 1_000);
      events.publish('command.answered', device, { ...about, state: how.state, durationMs });
    }
    open.ended.resolve(open.command);
    await this.#book.save(open.command);
  }

  #forget(open: OpenCommand): void {
    this.#open.remove(open);
    this.#wheel.delete(open);
  }

  /** As it is in this moment: queued, or sent already. */
  async #store(open: OpenCommand): Promise<void> {
    const stored = this.#book.save(open.command);
    open.isRecorded = true;
    // Nobody may wait for it: then its failure shows in the log and in health.
    background(stored);
    await stored;
  }

  async #endWithin(open: OpenCommand, waitMs: number): Promise<boolean> {
    return !isOpen(open.command) || (await this.#waiters.within(open.ended.promise, waitMs));
  }

  #monotonic(): number {
    return this.#options.clock.monotonic();
  }
}

interface Expiry {
  readonly state: 'expired';
  readonly reason: ExpiryReason;
}

/** A refused publication is tried again after this. */
const RETRY_MS = 1_000;

/** The book has told the log and health. */
const background = (written: Promise<void>): void => void written.catch(() => undefined);
