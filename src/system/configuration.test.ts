import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BRIDGE_SETTINGS, BRIDGE_TOPIC_SETTINGS } from './bridge-table.ts';
import { readConfiguration } from './configuration.ts';
import { SETTINGS } from './settings.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'sensorium-config-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

const read = async (argv: string[] = [], env: Record<string, string> = {}) =>
  await readConfiguration({ argv, env, cwd });

async function refusal(argv: string[], env: Record<string, string> = {}): Promise<string> {
  const result = await read(argv, env);
  if (result.ok) throw new Error('was accepted');
  expect(result.error.code).toBe('config.invalid');
  return result.error.message;
}

describe('configuration', () => {
  it('has defaults for everything', async () => {
    const result = await read();
    expect(result).toMatchObject({
      ok: true,
      value: {
        dataDir: join(cwd, 'data'),
        http: { port: 8080, mqtt: true },
        mqtt: { port: 1883 },
        mqtts: { port: 8883, host: '0.0.0.0' },
        ws: { port: 'off' },
        wss: { port: 'off', host: '0.0.0.0' },
      },
    });
  });

  it('takes flags over environment over file', async () => {
    writeFileSync(join(cwd, 'sensorium.yaml'), 'http:\n  port: 1\nmqtt:\n  port: 2\nmqtts:\n  port: 3\n');
    const result = await read(['--mqtts-port=9'], { SENSORIUM_MQTT_PORT: '8', SENSORIUM_MQTTS_PORT: '8' });
    expect(result).toMatchObject({
      ok: true,
      value: { http: { port: 1 }, mqtt: { port: 8 }, mqtts: { port: 9 } },
    });
  });

  it('reads off, sizes and durations', async () => {
    const result = await read(['--mqtts-port', 'off', '--log-max-bytes', '2GiB', '--log-max-age', '12h']);
    expect(result).toMatchObject({
      ok: true,
      value: { mqtts: { port: 'off' }, log: { maxBytes: 2 ** 31, maxAgeMs: 43_200_000 } },
    });
  });

  it('names the line, the value and what is allowed', async () => {
    writeFileSync(join(cwd, 'sensorium.yaml'), '# settings\nhttp:\n  port: 99999\n');
    const message = await refusal([]);
    expect(message).toContain('sensorium.yaml:3');
    expect(message).toContain('99999');
    expect(message).toContain('0 to 65535');
  });

  it.each([
    ['an unknown setting', 'htpp:\n  port: 1\n', 'sensorium.yaml:2: unknown setting "htpp.port"'],
    ['broken YAML', 'http:\n  port: [1\n', 'sensorium.yaml:'],
    ['a key given twice', 'logLevel: info\nlogLevel: warn\n', 'sensorium.yaml:2'],
    ['a list where settings belong', '- a\n- b\n', 'sensorium.yaml:1'],
  ])('refuses %s with its line', async (_what, text, expected) => {
    writeFileSync(join(cwd, 'sensorium.yaml'), text);
    expect(await refusal([])).toContain(expected);
  });

  it.each([
    [['--htp-port', '1'], 'unknown flag --htp-port'],
    [['--http-port'], 'needs a value'],
    [['--http-port', 'many'], 'flag --http-port: http.port cannot be "many"'],
    [['--http-port', '-1'], 'cannot be "-1"'],
    [['--log-level', 'loud'], 'debug, info, warn, error'],
    [['--config', 'missing.yaml'], 'missing.yaml cannot be read'],
  ])('refuses %j', async (argv, expected) => {
    expect(await refusal(argv)).toContain(expected);
  });

  it('names the environment variable that is wrong', async () => {
    expect(await refusal([], { SENSORIUM_HTTP_PORT: 'http' })).toContain('SENSORIUM_HTTP_PORT');
  });

  it('is documented setting by setting', () => {
    const document = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
    const rows = SETTINGS.map(
      (setting) =>
        `| \`${setting.key}\` ${setting.meaning} | \`${setting.flag}\` | \`${setting.env}\` | \`${setting.fallback}\` | ${setting.allowed} |`,
    );
    expect(document).toContain(rows.join('\n'));
  });

  it('is documented for bridges, setting by setting', () => {
    const document = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
    for (const settings of [BRIDGE_SETTINGS, BRIDGE_TOPIC_SETTINGS]) {
      const rows = settings.map(({ key, meaning, fallback, allowed }) => {
        const otherwise =
          fallback === null ? 'must be given' : fallback === undefined ? '–' : `\`${fallback}\``;
        return `| \`${key}\` ${meaning} | ${otherwise} | ${allowed} |`;
      });
      expect(document).toContain(rows.join('\n').replaceAll('``', ''));
    }
  });
});
