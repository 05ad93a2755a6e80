import { COMMANDS_KEPT_MAX } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import { type Command, isOpen } from '../../model/commands.ts';
import type { StateStore, StateTable } from '../../model/ports/state.ts';

/**
 * Commands on disk: `{device}/{id}` to what is known of one. Of those that have ended the last COMMANDS_KEPT_MAX stay; in
 * memory only their names do. It must not know when a command ends.
 */
export class CommandBook {
  readonly #table: StateTable<Command>;
  readonly #logger: Logger;
  /** Device by id, of those that have ended; the oldest first. */
  readonly #ended = new Map<string, string>();
  readonly #writing = new Set<Promise<void>>();
  /** What the table will say once it is written. */
  readonly #onItsWay = new Map<string, Command>();
  /** The last write that failed, in words. */
  fault: string | undefined;

  constructor({ state, logger }: { readonly state: StateStore; readonly logger: Logger }) {
    this.#table = state.table<Command>('commands');
    this.#logger = logger;
  }

  /** Those that have not ended, the oldest first. */
  load(): readonly Command[] {
    const open: Command[] = [];
    const ended: (readonly [string, string])[] = [];
    this.#ended.clear();
    for (const [key, command] of this.#table.entries()) {
      if (!isStored(key, command)) this.#logger.error({ key }, 'stored command cannot be read; left alone');
      else if (isOpen(command)) open.push(command);
      else ended.push([command.id, command.device]);
    }
    for (const [id, device] of ended.toSorted(([a], [b]) => (a < b ? -1 : 1))) this.#ended.set(id, device);
    return open.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Resolves when it is on disk; rejects as the state store does. */
  async save(command: Command): Promise<void> {
    if (!isOpen(command)) this.#keep(command);
    const writing = this.#table.put(keyOf(command), command);
    this.#writing.add(writing);
    this.#onItsWay.set(command.id, command);
    try {
      await writing;
      this.fault = undefined;
    } catch (cause) {
      this.fault = cause instanceof Error ? cause.message : String(cause);
      this.#logger.error({ command: command.id, error: this.fault }, 'a command could not be stored');
      throw cause;
    } finally {
      this.#writing.delete(writing);
      if (this.#onItsWay.get(command.id) === command) this.#onItsWay.delete(command.id);
    }
  }

  /** Resolves when what was saved so far is on disk, or failed. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#writing);
  }

  /** One that has ended. */
  get(id: string): Command | undefined {
    const device = this.#ended.get(id);
    if (device === undefined) return undefined;
    return this.#onItsWay.get(id) ?? this.#table.get(keyOf({ id, device }));
  }

  /** Those that have ended, newest first. */
  of(device: string, limit: number): readonly Command[] {
    const ids = [...this.#ended].filter(([, owner]) => owner === device).map(([id]) => id);
    return ids
      .toReversed()
      .slice(0, limit)
      .flatMap((id) => this.get(id) ?? []);
  }

  #keep({ id, device }: Command): void {
    this.#ended.set(id, device);
    if (this.#ended.size <= COMMANDS_KEPT_MAX) return;
    const [oldest] = this.#ended;
    if (oldest === undefined) return;
    this.#ended.delete(oldest[0]);
    this.#table.remove(keyOf({ id: oldest[0], device: oldest[1] })).catch((cause: unknown) => {
      this.#logger.debug({ error: String(cause) }, 'an old command stays on disk until the next start');
    });
  }
}

/** `/` is in no id. */
const keyOf = ({ id, device }: { readonly id: string; readonly device: string }): string => `${device}/${id}`;

const isStored = (key: string, command: Command | undefined): command is Command =>
  typeof command === 'object' && typeof command.id === 'string' && keyOf(command) === key;
