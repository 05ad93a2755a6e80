import type { Readable } from 'node:stream';

/** What a verb may touch of the process around it; tests hand in their own. */
export interface CliIo {
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Default: the standard input of the process. */
  readonly stdin?: (Readable & { readonly isTTY?: boolean }) | undefined;
  /** Ends long verbs early, as Ctrl-C does. Default: SIGINT and SIGTERM, while such a verb runs. */
  readonly signal?: AbortSignal | undefined;
  /** Set by `runCli`: nobody reads the standard output any more. */
  readonly readerGone?: AbortSignal | undefined;
}

export interface Sink {
  write(chunk: string | Uint8Array): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  /** Streams tell here that their reader is gone. */
  on?(event: 'error', listener: (cause: Error) => void): unknown;
}

export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;

/** The command line itself is wrong in a way only the verb can see; exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
