import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { runCli } from '../cli.ts';
import type { CliIo } from '../io.ts';

/** A working directory of its own with a command line in it, for tests. */
export interface Workplace extends AsyncDisposable {
  readonly cwd: string;
  run(argv: readonly string[], io?: Partial<CliIo> & { readonly input?: string }): Promise<Outcome>;
  /** Pretends that a server runs on `data`. */
  serverRuns(run: Readonly<Record<string, unknown>>): Promise<void>;
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function workplace(): Promise<Workplace> {
  const cwd = await mkdtemp(join(tmpdir(), 'sensorium-cli-'));
  return {
    cwd,
    run: async (argv, { input, ...io } = {}) => {
      const out: Buffer[] = [];
      const notes: string[] = [];
      const code = await runCli(argv, {
        stdout: { write: (chunk) => out.push(Buffer.from(chunk)) },
        stderr: { write: (chunk) => notes.push(String(chunk)) },
        env: {},
        cwd,
        stdin: Readable.from(input === undefined ? [] : [Buffer.from(input)]),
        ...io,
      });
      return { code, stdout: Buffer.concat(out).toString(), stderr: notes.join('') };
    },
    serverRuns: async (run) => {
      const { mkdir } = await import('node:fs/promises');
      await mkdir(join(cwd, 'data'), { recursive: true, mode: 0o700 });
      const whole = { pid: process.pid, version: '0.0.0', startedAt: 0, token: 'local-token', ...run };
      await writeFile(join(cwd, 'data', 'run.json'), JSON.stringify(whole), { mode: 0o600 });
    },
    [Symbol.asyncDispose]: () => rm(cwd, { recursive: true, force: true }),
  };
}
