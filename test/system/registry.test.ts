/** The registry through the command line of the real process: files in and out, tags, groups, history, kill -9. */
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DevicePage } from '../../src/model/ports/registry.ts';
import { sensorium } from '../support/command-line.ts';
import { Server, temporaryDirectory } from '../support/server.ts';

const directory = temporaryDirectory();
const dataDir = join(directory.path, 'data');
const file = (name: string): string => join(directory.path, name);
let server: Server;

beforeAll(async () => {
  server = await Server.start({ dataDir });
}, 40_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  directory[Symbol.dispose]();
});

describe('devices by the file', () => {
  it('are tried, imported with tokens, labelled, exported, and the same after kill -9', async () => {
    const csv = [
      'id,name,parent,gateway,tags,attributes.floor',
      'gate,"The ""gate""",,true,,',
      ...Array.from({ length: 300 }, (_, n) => `node-${n},,gate,,site:a;pilot,${n % 3}`),
      'bad id,,,,,',
      'node-7,,,,,',
    ].join('\n');
    await writeFile(file('fleet.csv'), csv);
    const tried = await sensorium(server, 'devices', 'import', file('fleet.csv'), '--dry-run');
    expect([tried.code, tried.stdout]).toEqual([1, 'nothing is written; 301 added, 2 refused\n']);
    expect(tried.stderr).toContain('line 303: bad id [device.id_invalid]');
    expect(tried.stderr).toContain('line 304: node-7 [device.exists]');
    expect((await server.get<DevicePage>('/api/v1/devices')).total).toBe(0);

    const made = await sensorium(
      server,
      'devices',
      'import',
      file('fleet.csv'),
      '--tokens',
      file('tokens.csv'),
      '--json',
    );
    expect(JSON.parse(made.stdout)).toMatchObject({ rows: 303, added: 301, refused: 2 });
    const tokens = new Map(
      (await readFile(file('tokens.csv'), 'utf8'))
        .trim()
        .split('\r\n')
        .map((line) => line.split(',') as [string, string]),
    );
    expect((await stat(file('tokens.csv'))).mode & 0o777).toBe(0o600);
    expect(tokens.size).toBe(302);
    const who = { username: 'node-7', password: tokens.get('node-7') ?? '', reconnectPeriod: 0 };
    await (await connectAsync(server.mqtt, who)).endAsync();

    await sensorium(server, 'devices', 'tag', 'node-1', 'node-2', '--add', 'broken', '--remove', 'pilot');
    await sensorium(server, 'devices', 'group', 'add', 'hall', 'node-1', '--name', 'The hall');
    await sensorium(server, 'devices', 'change', 'node-1', '--parent', 'none', '--name', 'Lamp');
    const listed = await sensorium(server, 'devices', 'list', '--tag', 'broken', '--group', 'hall', '--json');
    expect(JSON.parse(listed.stdout)).toMatchObject({
      total: 1,
      devices: [{ id: 'node-1', name: 'Lamp', tags: ['broken', 'site:a'], groups: ['hall'] }],
    });
    const history = await sensorium(server, 'devices', 'history', 'node-1', '--json');
    expect(JSON.parse(history.stdout)).toMatchObject({
      changes: [
        { by: 'user:local', kind: 'changed', changes: { parent: { from: 'gate' }, name: { to: 'Lamp' } } },
        { changes: { groups: { to: ['hall'] } } },
        { changes: { tags: { from: ['pilot', 'site:a'], to: ['broken', 'site:a'] } } },
        { kind: 'added' },
      ],
    });

    await server.stop('SIGKILL');
    server = await Server.start({ dataDir });
    for (const format of ['csv', 'json', 'ndjson']) {
      const output = file(`out.${format}`);
      const written = await sensorium(server, 'devices', 'export', '--format', format, '--output', output);
      expect(written.stderr).toBe('');
      const again = await sensorium(server, 'devices', 'import', output, '--existing', 'update', '--json');
      expect(again.stderr).toBe('');
      expect([again.code, JSON.parse(again.stdout)]).toMatchObject([0, { rows: 301, unchanged: 301 }]);
    }
    const search = await server.get<DevicePage>('/api/v1/devices?text=ODE-29&tag=pilot&limit=5');
    expect(search).toMatchObject({ total: 11, next: 'node-293' });
  }, 60_000);
});
