import { CommanderError } from 'commander';
import { buildProgram } from './commands.ts';
import { failureOf, renderFailure } from './failure.ts';
import { type CliIo, EXIT_FAILURE, EXIT_OK, EXIT_USAGE, UsageError } from './io.ts';

/**
 * The command line. It talks to the running server over HTTP and MQTT as any client would, and knows nothing of
 * its insides. Each verb is loaded when it is called, so that `sensorium token` does not pay for the others.
 */
export type { CliIo } from './io.ts';

/** Runs one command line (`argv` without node and script) to its exit code: 0 done, 1 failed, 2 wrong usage. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const { program, grammar } = buildProgram(withoutPipeErrors(io));
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return grammar.exitCode;
  } catch (cause) {
    if (cause instanceof CommanderError) return cause.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    if (cause instanceof UsageError) {
      io.stderr.write(`error: ${cause.message}\n`);
      return EXIT_USAGE;
    }
    io.stderr.write(renderFailure(failureOf(cause), argv.includes('--json')));
    return EXIT_FAILURE;
  }
}

/** `sensorium tail | head -1`: when the reader has enough, a long verb ends instead of failing. */
function withoutPipeErrors(io: CliIo): CliIo {
  const enough = new AbortController();
  io.stdout.on?.('error', () => enough.abort());
  return { ...io, readerGone: enough.signal };
}
