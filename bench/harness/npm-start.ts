/** `npm start` as a user types it: with the machine's own Node first on the PATH, in a process group of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, join } from 'node:path';
import { PROJECT } from '../../test/support/server.ts';

const READY = /^ready .*$/m;

export class NpmStart implements AsyncDisposable {
  readonly process: ChildProcess;
  /** Command to ready line. */
  readonly readyMs: number;
  readonly stderr: string;

  private constructor(child: ChildProcess, readyMs: number, stderr: string) {
    this.process = child;
    this.readyMs = readyMs;
    this.stderr = stderr;
  }

  static async run(dataDir: string): Promise<NpmStart> {
    const begun = performance.now();
    const flags = [
      `--data-dir=${dataDir}`,
      '--http-port=0',
      '--mqtt-port=0',
      '--mqtts-port=0',
      '--mqtts-host=127.0.0.1',
    ];
    const child = spawn('npm', ['start', '--', '--verbose', ...flags], {
      cwd: PROJECT,
      env: machineEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString();
        if (READY.test(stdout)) resolve();
      });
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`npm start ended with ${code}:\n${stderr}`)));
    });
    return new NpmStart(child, performance.now() - begun, stderr);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode !== null) return;
    const ended = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    await ended;
  }
}

/** Without what our own bootstrap and npm have put there. */
function machineEnvironment(): NodeJS.ProcessEnv {
  const own = join(PROJECT, '.runtime');
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|SENSORIUM_|NODE_COMPILE_CACHE$)/.test(name),
  );
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.startsWith(own) && !folder.includes('node_modules'));
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}
