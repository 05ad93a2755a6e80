/** What `npm test` and `npm run check` consist of, in order; each step is a command that fails by its exit code. */
import { spawn } from 'node:child_process';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Where Debian keeps programs for administrators, which a user's PATH may lack. */
export const ADMIN_PATHS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

export interface Step {
  readonly name: string;
  /** A file of node_modules (or of ours) that Node runs, and its arguments. */
  readonly command: readonly [string, ...string[]];
}

/** All that is known without running the code, the quickest first. */
export const checks: readonly Step[] = [
  { name: 'floors', command: ['scripts/floors.ts'] },
  { name: 'types', command: ['node_modules/typescript/bin/tsc', '-p', '.'] },
  { name: 'format', command: ['node_modules/@biomejs/biome/bin/biome', 'ci', '.'] },
  { name: 'lint', command: ['node_modules/oxlint/bin/oxlint', '--type-aware'] },
  { name: 'unused', command: ['node_modules/knip/bin/knip.js'] },
];

export interface StepResult {
  readonly name: string;
  readonly tookMs: number;
  readonly passed: boolean;
}

/** Runs steps until one fails. */
export async function runSteps(steps: readonly Step[]): Promise<readonly StepResult[]> {
  const results: StepResult[] = [];
  for (const step of steps) {
    console.log(`\n── ${step.name}`);
    const begun = performance.now();
    const passed = (await runNode(step.command)) === 0;
    results.push({ name: step.name, tookMs: performance.now() - begun, passed });
    if (!passed) break;
  }
  return results;
}

/** Runs a file under this Node in the project folder; answers its exit code (128 when a signal ended it). */
export function runNode(command: readonly string[]): Promise<number> {
  // Some tools colour whatever CI=true is set for; a log is to be read as text.
  const plain = process.stdout.isTTY ? {} : { NO_COLOR: '1' };
  const PATH = [process.env['PATH'] ?? '', ...ADMIN_PATHS].join(delimiter);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, command, {
      cwd: ROOT,
      stdio: 'inherit',
      env: { ...process.env, ...plain, PATH },
    });
    const end = (): boolean => child.kill('SIGTERM');
    process.once('SIGTERM', end);
    child.on('error', reject);
    child.on('exit', (code) => {
      process.off('SIGTERM', end);
      resolve(code ?? 128);
    });
  });
}

/** The table at the end of a run: step, outcome, time. */
export function printSummary(results: readonly StepResult[]): void {
  console.log('');
  for (const { name, tookMs, passed } of results) {
    console.log(
      `${passed ? 'ok    ' : 'FAILED'} ${name.padEnd(16)} ${(tookMs / 1000).toFixed(1).padStart(6)} s`,
    );
  }
}
