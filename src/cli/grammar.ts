import { type Command, type CommandOptions, InvalidArgumentError } from 'commander';
import { parseSize } from '../base/size-units.ts';
import type { CommonOptions } from './endpoint.ts';
import type { CliIo } from './io.ts';
import { Session } from './session.ts';
import { readDurationMs, readInteger, readShare, readSpeed } from './values.ts';

/** What the command definitions need to bring a verb to life. */
export class Grammar {
  readonly #io: CliIo;
  exitCode = 0;

  constructor(io: CliIo) {
    this.#io = io;
  }

  /** A verb with the options that all have; `isDefault`: meant where its parent stands alone. */
  readonly verb = (
    parent: Command,
    usage: string,
    description: string,
    options: CommandOptions = {},
  ): Command => {
    return parent
      .command(usage, options)
      .description(description)
      .option('--json', 'machine output on standard output, nothing else')
      .option('--url <url>', 'server to talk to; its token is taken from SENSORIUM_TOKEN')
      .option('--data-dir <path>', 'data directory of the server on this machine');
  };

  /** Runs the body of a verb with its session and keeps its exit code. */
  readonly within = async (
    options: CommonOptions,
    body: (session: Session) => Promise<number>,
  ): Promise<void> => {
    using session = new Session(this.#io, options);
    this.exitCode = await body(session);
  };
}

type Reader<T> = (text: string) => T;

function reader<T>(read: (text: string) => T | undefined, expected: string): Reader<T> {
  return (text) => {
    const value = read(text);
    if (value === undefined) throw new InvalidArgumentError(`Expected ${expected}.`);
    return value;
  };
}

export const duration = reader(readDurationMs, 'a duration such as 500ms, 10s, 5m, 1h or 7d');
export const speed = reader(readSpeed, 'a speed such as 1x, 1000x or max');
export const share = reader(readShare, 'a share from 0 to 1, such as 0.02');

export const size = reader(parseSize, 'an amount such as 5GB, 20GiB or a number of bytes');

export const integer = (min: number, max: number): Reader<number> =>
  reader((text) => readInteger(text, min, max), `a whole number from ${min} to ${max}`);

/** Repeatable options. */
export const collect = (value: string, earlier: readonly string[] | undefined): readonly string[] => [
  ...(earlier ?? []),
  value,
];
