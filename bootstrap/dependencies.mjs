/**
 * Owns `node_modules/`. A stamp inside it names the lock file, Node and kind of install it was made from; npm removes
 * the folder before it fills it, so an interrupted install leaves no stamp and is done again.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './lock.mjs';
import { runNpm } from './npm.mjs';
import { MODULES_DIR, ROOT, RUNTIME_DIR } from './paths.mjs';

const STAMP = join(MODULES_DIR, '.sensorium-install.json');

/** Whether what is installed will do; an install with development tools also serves `start`. */
export function hasDependencies(needs, runtime) {
  const stamp = readStamp();
  return stamp !== undefined && fits(stamp, runtime) && (stamp.kind === 'all' || stamp.kind === needs);
}

/** @param {'production' | 'all'} needs */
export async function installDependencies(needs, runtime, phases) {
  await withLock(RUNTIME_DIR, 'install', async () => {
    if (hasDependencies(needs, runtime)) return;
    const stamp = readStamp();
    // Only the tools are missing: add them, and leave alone what a running server may still load.
    const grow = stamp !== undefined && fits(stamp, runtime) && needs === 'all';
    const args = grow
      ? ['install', '--no-save', '--include=dev']
      : ['ci', needs === 'all' ? '--include=dev' : '--omit=dev'];
    await phases.long(needs === 'all' ? 'dependencies and tools' : 'dependencies', () =>
      runNpm([...args, '--ignore-scripts', '--no-audit', '--no-fund'], {
        cwd: ROOT,
        node: runtime.binary,
        environment: runtime.environment,
        nodedir: runtime.nodedir,
        purpose: 'the dependencies cannot be installed.',
      }),
    );
    mkdirSync(MODULES_DIR, { recursive: true });
    writeFileSync(STAMP, `${JSON.stringify({ lock: lockHash(), node: runtime.version, kind: needs })}\n`);
  });
}

const fits = (stamp, runtime) => stamp.node === runtime.version && stamp.lock === lockHash();

function readStamp() {
  try {
    return JSON.parse(readFileSync(STAMP, 'utf8'));
  } catch {
    return undefined;
  }
}

function lockHash() {
  return createHash('sha256')
    .update(readFileSync(join(ROOT, 'package-lock.json')))
    .digest('hex');
}
