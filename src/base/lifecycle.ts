/**
 * What the supervisor asks of a manager. Constructors assign, `start` acts, `stop` undoes; a manager whose
 * insides break says so once through `onFailure` and waits to be stopped and started again.
 */
export interface Manager {
  readonly name: string;
  start(): Promise<void>;
  /** Stops accepting, drains, commits. Safe to call after a failure and more than once. */
  stop(): Promise<void>;
  health(): Health;
  /** The supervisor's ear; called at most once per start. */
  onFailure(listener: (cause: Error) => void): void;
}

export interface Health {
  readonly status: 'up' | 'degraded' | 'down';
  /** Why, in words a user can act on; empty when up. */
  readonly reasons: readonly string[];
}

export const UP: Health = { status: 'up', reasons: [] };
