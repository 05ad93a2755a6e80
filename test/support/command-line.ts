/** Runs `sensorium …` as a user would, against the server of a test. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { PROJECT, type Server } from './server.ts';

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export async function sensorium(server: Server, ...args: readonly string[]): Promise<CommandResult> {
  const { within } = server;
  const command = [process.execPath, join(PROJECT, 'src/main.ts'), ...args, '--data-dir', server.dataDir];
  const [program = '', ...words] = [...within, ...command];
  const child = spawn(program, words, { cwd: PROJECT, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, stdout, stderr };
}
