import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SCANNER_NAMES } from '../devices/discovery/settings.ts';
import { readConfiguration } from './configuration.ts';
import { WATCHER_SETTINGS } from './discovery-table.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'sensorium-discovery-'));
});
afterEach(() => rmSync(cwd, { recursive: true }));

async function read(text: string, argv: string[] = []) {
  writeFileSync(join(cwd, 'sensorium.yaml'), text);
  return await readConfiguration({ argv, env: {}, cwd });
}

describe('the section discovery', () => {
  it('looks with everything, asks nobody and admits nothing by default', async () => {
    expect(await read('')).toMatchObject({
      value: { discovery: { scanners: SCANNER_NAMES, ranges: [], watchers: [] } },
    });
  });

  it('becomes what discovery is told; a flag wins', async () => {
    const text = `discovery:
  scanners: mdns
  ranges: [10.0.0.0/24, 192.168.1.7]
  watchers:
    plugs: { service: _shelly._tcp, mac: 'a4:cf:12:*', profile: energy-meter }
`;
    expect(await read(text)).toMatchObject({
      value: {
        discovery: {
          scanners: ['mdns'],
          ranges: ['10.0.0.0/24', '192.168.1.7'],
          watchers: [
            {
              name: 'plugs',
              match: { service: '_shelly._tcp', mac: 'a4:cf:12:*' },
              profile: 'energy-meter',
            },
          ],
        },
      },
    });
    expect(await read(text, ['--discovery=off'])).toMatchObject({ value: { discovery: { scanners: [] } } });
    expect(await read(text, ['--discovery', 'modbus, ssdp'])).toMatchObject({
      value: { discovery: { scanners: ['ssdp', 'modbus'] } },
    });
  });

  it.each([
    ['scanners: sonar', 'discovery.scanners cannot be "sonar"; allowed: on, off'],
    ['ranges: [10.0.0.0/33]', 'sensorium.yaml:2: discovery.ranges[0] cannot be "10.0.0.0/33"'],
    ['ranges: [fd00::/64]', 'allowed: a list of IPv4 ranges'],
    ['ranges: [10.0.0.0/8]', 'the ranges hold too many addresses; allowed: 65536'],
    ['ranges: 10.0.0.0/24', 'discovery.ranges cannot be "10.0.0.0/24"'],
    ['watchers: { all: { profile: open } }', 'discovery.watchers.all matches everything'],
    ['watchers: { a: { colour: red } }', 'unknown setting "discovery.watchers.a.colour"'],
    ['watchers: { a: { address: here } }', 'discovery.watchers.a.address cannot be "here"'],
    ['watchers: { A_B: { name: x } }', 'discovery.watchers.{name of a-z'],
    ['range: x', 'unknown setting "discovery.range"'],
  ])('refuses %s', async (line, message) => {
    const result = await read(`discovery:\n  ${line}\n`);
    expect(result).toMatchObject({ ok: false, error: { code: 'config.invalid' } });
    expect(result.ok ? '' : result.error.message).toContain(message);
  });

  it('is documented, watcher setting by watcher setting', () => {
    const document = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
    const rows = WATCHER_SETTINGS.map(
      ({ key, meaning, allowed }) => `| \`${key}\` ${meaning} | ${allowed} |`,
    );
    expect(document).toContain(rows.join('\n'));
  });
});
