/** The five-minute tour of the README, run as it stands: the two commands of the promise, then every line. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PROJECT, temporaryDirectory, until } from '../support/server.ts';

const directory = temporaryDirectory();
let platform: ChildProcess;
let ready = '';
let environment: NodeJS.ProcessEnv;

/** The commands between the tour's marks, as a reader would paste them; a trailing backslash continues a line. */
function tourCommands(): string[] {
  const readme = readFileSync(join(PROJECT, 'README.md'), 'utf8');
  const block = /<!-- tour:[^>]*-->\n```sh\n([\s\S]*?)```\n<!-- end of tour -->/.exec(readme)?.[1];
  if (block === undefined) throw new Error('README.md has no tour');
  const lines = block.replaceAll('\\\n', ' ').split('\n');
  return lines.filter((line) => line.trim() !== '' && !line.startsWith('#'));
}

beforeAll(async () => {
  environment = {
    ...process.env,
    SENSORIUM_DATA_DIR: join(directory.path, 'data'),
    SENSORIUM_HTTP_PORT: '0',
    SENSORIUM_MQTT_PORT: '0',
    SENSORIUM_MQTTS_PORT: 'off',
  };
  platform = spawn('npm', ['start', '--silent'], {
    cwd: PROJECT,
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  platform.stdout?.on('data', (chunk: Buffer) => {
    ready += chunk.toString();
  });
  await until('the ready line of npm start', async () => (ready.includes('\n') ? true : undefined), 60_000);
}, 70_000);

afterAll(async () => {
  const ended = new Promise((done) => platform.once('close', done));
  platform.kill('SIGTERM');
  await ended;
  directory[Symbol.dispose]();
});

describe('the tour', () => {
  it('starts with one line', () => {
    expect(ready).toMatch(
      /^ready http=http:\/\/127\.0\.0\.1:\d+ mqtt=mqtt:\/\/127\.0\.0\.1:\d+ mqtts=off data=\S+\n$/,
    );
  });

  it('works line by line', () => {
    const http = /http=(\S+)/.exec(ready)?.[1] ?? '';
    const commands = tourCommands().map((line) =>
      line
        .replaceAll('http://127.0.0.1:8080', http)
        .replaceAll('station.parquet', join(directory.path, 'station.parquet')),
    );
    // One shell for all lines, as in a terminal, stopping at the first that fails; marks keep the outputs apart.
    const script = commands.map((line, i) => `printf '\\n@@${i}\\n'\n${line}`).join('\n');
    const output = execFileSync('bash', ['-e', '-o', 'pipefail', '-c', script], {
      cwd: PROJECT,
      env: environment,
      encoding: 'utf8',
      timeout: 120_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const answers = output.split(/^@@\d+\n/m).slice(1);
    const answer = (start: string): string =>
      answers[commands.findIndex((line) => line.includes(start))] ?? '';

    expect(JSON.parse(answer('devices add station'))).toMatchObject({
      id: 'station',
      token: expect.any(String),
    });
    expect(answer('query station temp_max')).toMatch(/2012-07/);
    expect(answer('send station')).toContain('accepted 1, rejected 0');
    expect(answer('query station --latest')).toContain('21.5');
    expect(JSON.parse(answer('curl'))).toEqual({ accepted: 1, rejected: [] });
    expect(answer('simulate')).not.toBe('');
    expect(answer('quarantine list')).toMatch(/payload\.|reading\./);
    expect(statSync(join(directory.path, 'station.parquet')).size).toBeGreaterThan(1_000);
    expect(answer('doctor')).not.toMatch(/\bfail\b/);
  }, 150_000);
});
