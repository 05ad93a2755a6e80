import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BRIDGES_MAX } from '../base/limits.ts';
import { readConfiguration } from './configuration.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'sensorium-bridges-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const TOPICS = "    topics:\n      - { direction: out, filter: 'a/#' }\n";

async function read(text: string, env: Record<string, string> = {}) {
  writeFileSync(join(cwd, 'sensorium.yaml'), text);
  return await readConfiguration({ argv: [], env, cwd });
}

async function refusal(lines: string, env: Record<string, string> = {}): Promise<string> {
  const result = await read(`bridges:\n  up:\n${lines}`, env);
  if (result.ok) throw new Error('was accepted');
  return result.error.message;
}

describe('the section bridges', () => {
  it('is empty by default', async () => {
    expect(await read('bridges: {}\n')).toMatchObject({ ok: true, value: { bridges: [] } });
  });

  it('becomes what a bridge is told', async () => {
    const lines = `    url: mqtts://host:1\n    version: 3.1.1\n    username: me\n    passwordEnv: SECRET\n    caFile: ca.pem\n${TOPICS}`;
    const result = await read(`bridges:\n  up:\n${lines}`, { SECRET: 'open sesame' });
    if (!result.ok) throw result.error;
    const [bridge] = result.value.bridges;
    expect(bridge).toMatchObject({
      name: 'up',
      url: 'mqtts://host:1',
      version: 4,
      username: 'me',
      caFile: join(cwd, 'ca.pem'),
    });
    expect(bridge?.topics).toEqual([
      { direction: 'out', filter: 'a/#', localPrefix: '', remotePrefix: '', qos: 1 },
    ]);
    expect(JSON.stringify(bridge)).not.toContain('sesame');
  });

  it.each([
    ['    url: http://host\n', 'sensorium.yaml:3: bridges.up.url cannot be "http://host"; allowed: mqtt://'],
    ['    url: mqtt://me:word@host\n', 'without credentials'],
    ['    uri: mqtt://host\n', 'sensorium.yaml:3: unknown setting "bridges.up.uri"; allowed: bridges.{name'],
    ['    url: mqtt://host\n', 'bridges.up: topics cannot be 0'],
    [TOPICS, 'bridges.up: url is missing'],
    [
      `    url: mqtt://host\n    topics:\n      - { direction: out }\n`,
      'sensorium.yaml:5: bridges.up: filter is missing',
    ],
    [
      `    url: mqtt://host\n    topics:\n      - direction: up\n`,
      'sensorium.yaml:5: bridges.up.topics[0].direction cannot be "up"; allowed: in, out, both',
    ],
    [`    url: mqtt://host\n    topics:\n      - filter: 'a/#/b'\n`, 'cannot be "a/#/b"'],
    [`    url: mqtt://host\n    topics:\n      - localPrefix: '+/'\n`, 'a text without wildcards'],
    [
      `    url: mqtt://host\n    passwordEnv: NOT_SET\n${TOPICS}`,
      'passwordEnv names NOT_SET, which is not set',
    ],
    [`    url: mqtt://host\n    passwordEnv: A\n    passwordFile: b\n${TOPICS}`, 'allowed: one of them'],
    [`    url: mqtts://host\n    certFile: a\n${TOPICS}`, 'certFile and keyFile belong together'],
    [`    url: mqtt://host\n    certFile: a\n    keyFile: b\n${TOPICS}`, 'certFile needs TLS'],
  ])('refuses %j', async (lines, expected) => {
    expect(await refusal(lines)).toContain(expected);
  });

  it('refuses one bridge too many', async () => {
    const tables = Array.from(
      { length: BRIDGES_MAX + 1 },
      (_, i) => `  b${i}:\n    url: mqtt://host\n${TOPICS}`,
    );
    const result = await read(`bridges:\n${tables.join('')}`);
    expect(result.ok ? '' : result.error.message).toContain('too many bridges');
  });

  it('takes the example', async () => {
    const text = readFileSync(join(import.meta.dirname, '../../examples/bridge.yaml'), 'utf8');
    expect((await read(text, { UPSTREAM_PASSWORD: 'word' })).ok).toBe(true);
  });
});
