/** `sensorium/mqtt` as others use it: the example, from the sources and from the package as it is built. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Program } from '../support/foreign-clients.ts';
import { PROJECT, temporaryDirectory } from '../support/server.ts';

const EXAMPLE = join(PROJECT, 'examples/mqtt-server.ts');
const directory = temporaryDirectory();
const installed = join(directory.path, 'node_modules/sensorium');

/** A project in which this package is installed. */
beforeAll(() => {
  mkdirSync(installed, { recursive: true });
  copyFileSync(join(PROJECT, 'package.json'), join(installed, 'package.json'));
  symlinkSync(join(PROJECT, 'node_modules'), join(installed, 'node_modules'));
  copyFileSync(EXAMPLE, join(directory.path, 'server.ts'));
  const compiler = join(PROJECT, 'node_modules/typescript/bin/tsc');
  const flags = ['-p', 'tsconfig.build.json', '--outDir', join(installed, 'dist')];
  execFileSync(process.execPath, [compiler, ...flags], { cwd: PROJECT });
});

afterAll(() => directory[Symbol.dispose]());

const ways: Readonly<Record<string, readonly string[]>> = {
  'the sources': ['--conditions=sensorium-source', EXAMPLE],
  'the built package': [join(directory.path, 'server.ts')],
};

describe('the ten-line MQTT server', () => {
  it.each(Object.keys(ways))('serves from %s, and ends when asked to', async (way) => {
    const dataDir = join(directory.path, way.replaceAll(' ', '-'));
    const environment = ['env', `DATA_DIR=${dataDir}`, 'PORT=0', process.execPath];
    const [command = '', ...words] = [...environment, ...(ways[way] ?? [])];
    const program = new Program(command, words);
    await program.said(/^mqtt:.*\n/);
    const client = await connectAsync(program.stdout.trim(), { username: 'ada', password: 'lovelace' });
    const told = new Promise<string>((done) =>
      client.once('message', (_topic, payload) => done(payload.toString())),
    );
    await client.subscribeAsync('ada/#', { qos: 2 });
    await client.publishAsync('ada/notes', 'hello', { qos: 2 });
    expect(await told).toBe('hello');
    await client.endAsync();
    await program[Symbol.asyncDispose]();
    expect(await program.ended).toMatchObject({ code: 0, stderr: '' });
  });
});
