import { COMMANDS_OPEN_MAX, COMMANDS_OPEN_MAX_BYTES, COMMANDS_PER_DEVICE_MAX } from '../../base/limits.ts';
import type { Command } from '../../model/commands.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { DeviceId } from '../../model/ids.ts';

/** A command that has not ended. Times here are monotonic. */
export interface OpenCommand {
  command: Command;
  /** Arguments as JSON. */
  readonly payload: string;
  /** The gateway that may carry it, when it was asked for. */
  readonly gateway: DeviceId | undefined;
  readonly begunAt: number;
  /** Not sent from here on. */
  readonly expiresAt: number;
  /** Its first record is on disk, or on its way there. */
  isRecorded: boolean;
  readonly ended: PromiseWithResolvers<Command>;
}

/** The commands that have not ended: by id, and by who may hear them. Bounded, each device by itself and all together. */
export class OpenCommands {
  readonly #byId = new Map<string, OpenCommand>();
  readonly #byHearer = new Map<string, Set<OpenCommand>>();
  readonly #counts = new Map<string, number>();
  #bytes = 0;

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): OpenCommand | undefined {
    return this.#byId.get(id);
  }

  has(open: OpenCommand): boolean {
    return this.#byId.get(open.command.id) === open;
  }

  /** A copy: what is done with them may end them. */
  heardBy(connection: string): readonly OpenCommand[] {
    return [...(this.#byHearer.get(connection) ?? [])];
  }

  of(device: string): readonly OpenCommand[] {
    return this.heardBy(device).filter(({ command }) => command.device === device);
  }

  /** Why there is no room for one more. */
  refusal(device: string, bytes: number): SensoriumError | undefined {
    if ((this.#counts.get(device) ?? 0) >= COMMANDS_PER_DEVICE_MAX)
      return problem('command.queue_full', `${COMMANDS_PER_DEVICE_MAX} commands of ${device} are open`);
    if (this.size >= COMMANDS_OPEN_MAX || this.#bytes + bytes > COMMANDS_OPEN_MAX_BYTES)
      return problem('command.queue_full', `${this.size} commands are open`);
    return undefined;
  }

  add(open: OpenCommand): void {
    const { id, device } = open.command;
    this.#byId.set(id, open);
    this.#bytes += open.payload.length;
    this.#counts.set(device, (this.#counts.get(device) ?? 0) + 1);
    for (const hearer of hearersOf(open)) {
      const heard = this.#byHearer.get(hearer);
      if (heard === undefined) this.#byHearer.set(hearer, new Set([open]));
      else heard.add(open);
    }
  }

  remove(open: OpenCommand): void {
    const { id, device } = open.command;
    if (!this.#byId.delete(id)) return;
    this.#bytes -= open.payload.length;
    const left = (this.#counts.get(device) ?? 0) - 1;
    if (left > 0) this.#counts.set(device, left);
    else this.#counts.delete(device);
    for (const hearer of hearersOf(open)) {
      const heard = this.#byHearer.get(hearer);
      heard?.delete(open);
      if (heard?.size === 0) this.#byHearer.delete(hearer);
    }
  }

  clear(): void {
    for (const open of Array.from(this.#byId.values())) this.remove(open);
  }
}

const hearersOf = ({ command, gateway }: OpenCommand): readonly string[] =>
  gateway === undefined ? [command.device] : [command.device, gateway];
