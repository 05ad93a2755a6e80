import type { Result } from '../../base/result.ts';
import type { Command, CommandTerms } from '../commands.ts';
import type { SensoriumError } from '../errors.ts';

export interface CommandRequest {
  readonly device: string;
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly terms: CommandTerms;
  readonly by: string;
  /** Milliseconds that the caller waits for the end; 0 = not at all. */
  readonly waitMs: number;
}

/** Commands to devices: a request, its way there, and what came back. */
export interface Commands {
  /**
   * Resolves when it has ended, or with `waitMs` over, and then it is on disk. `device.unknown`, `command.unknown`,
   * `command.arguments`, `command.queue_full`, `registry.unavailable`, and what a full disk says.
   */
  send(request: CommandRequest): Promise<Result<Command, SensoriumError>>;
  /** Resolves when it has ended, or as it is after `waitMs`; undefined: there is none. */
  wait(id: string, waitMs: number): Promise<Command | undefined>;
  /** Open ones, and the last COMMANDS_KEPT_MAX that ended. */
  get(id: string): Command | undefined;
  /** Newest first. */
  list(query: { readonly device: string; readonly limit: number }): readonly Command[];
  /** It is not sent (any more). `command.not_found`, `command.ended`. */
  cancel(id: string, by: string): Promise<Result<Command, SensoriumError>>;
}
