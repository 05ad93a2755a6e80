/** Runs npm: the one that started us, under a Node of our choice; otherwise the one on the PATH. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { basename } from 'node:path';
import { onStop } from './child.mjs';
import { BootstrapError } from './report.mjs';

const OLDEST_MAJOR = 9;
/** npm finishes its downloads before it obeys; what it leaves half done is found by the missing stamp. */
const STOP_GRACE_MS = 1_000;
/** npm puts the cause first and its usage last. */
const SHOWN_LINES = 12;

/** Registry trouble that the user's network causes, as npm names it. */
const OFFLINE =
  /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT|ENOTCACHED)\b/;

/**
 * Runs one npm command quietly.
 * @param {string[]} args
 * @param {{ cwd: string, node: string, purpose: string, environment?: object, nodedir?: string }} options
 *   purpose = the sentence shown when it fails
 */
export async function runNpm(args, { cwd, node, purpose, environment = process.env, nodedir }) {
  const npm = await findNpm(node, environment);
  const { code, output, stoppedBy } = await capture(npm, args, {
    cwd,
    env: npmEnvironment(environment, nodedir),
  });
  if (stoppedBy !== undefined) {
    throw new BootstrapError(`stopped by ${stoppedBy} while installing.`, {
      cure: 'Run the command again; it begins anew where something is half done.',
      exitCode: 128 + constants.signals[stoppedBy],
    });
  }
  if (code === 0) return;
  throw new BootstrapError(purpose, {
    details: errorLines(output),
    cure: OFFLINE.test(output)
      ? 'The package registry was not reached. Check the network (and `npm config get registry`), then run the command again.'
      : 'See the lines of npm above; then run the command again.',
  });
}

async function findNpm(node, environment) {
  const starter = process.env.npm_execpath;
  const startedByNpm = starter !== undefined && basename(starter) === 'npm-cli.js';
  // Through a shell on Windows only, where npm is a .cmd file; our arguments need no quoting.
  const npm = startedByNpm
    ? { file: node, first: [starter], shell: false }
    : { file: 'npm', first: [], shell: process.platform === 'win32' };
  const version = startedByNpm
    ? /\bnpm\/(\S+)/.exec(process.env.npm_config_user_agent ?? '')?.[1]
    : await versionOf(npm, environment);
  if (version !== undefined && Number(version.split('.')[0]) < OLDEST_MAJOR) {
    throw new BootstrapError(`npm ${version} is too old (${OLDEST_MAJOR} is needed).`, {
      cure: 'Update it: npm install --global npm@11',
    });
  }
  return npm;
}

async function versionOf(npm, env) {
  const { code, output } = await capture(npm, ['--version'], { env });
  if (code === 0) return output.trim();
  throw new BootstrapError('npm was not found.', {
    details: errorLines(output),
    cure: 'Install Node.js together with npm (Debian: apt install npm), then run the command again.',
  });
}

/** npm hands its settings down to the scripts it runs; ours must read their own folder's. */
function npmEnvironment(environment, nodedir) {
  const kept = Object.entries(environment).filter(
    ([name]) =>
      !/^npm_(config_(local_prefix|prefix|global|engine_strict|omit|include)|package_|lifecycle_)/i.test(
        name,
      ),
  );
  // A machine-wide `nodedir` names the headers of the machine's Node, not of ours.
  return { ...Object.fromEntries(kept), ...(nodedir === undefined ? {} : { npm_config_nodedir: nodedir }) };
}

function capture(npm, args, options) {
  return new Promise((resolve) => {
    const child = spawn(npm.file, [...npm.first, ...args], {
      ...options,
      shell: npm.shell,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stoppedBy;
    const release = onStop((signal) => {
      stoppedBy = signal;
      child.kill(signal);
      setTimeout(() => child.kill('SIGKILL'), STOP_GRACE_MS).unref();
    });
    let output = '';
    const collect = (chunk) => {
      output = (output + chunk).slice(-64_000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    const finish = (code) => {
      release();
      resolve({ code, output, stoppedBy });
    };
    child.on('error', (cause) => {
      output += cause.message;
      finish(-1);
    });
    child.on('close', (code) => finish(code ?? -1));
  });
}

function errorLines(output) {
  const lines = output.split('\n').filter((line) => line.trim() !== '' && line.trim() !== 'npm error');
  const errors = lines.filter((line) => line.startsWith('npm error'));
  return (errors.length > 0 ? errors.slice(0, SHOWN_LINES) : lines.slice(-SHOWN_LINES)).join('\n');
}
