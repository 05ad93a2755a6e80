import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const missing = spawnSync('umockdev-run', ['--version']).error !== undefined;

describe.skipIf(missing && process.env['CI'] !== 'true')(
  `UsbScanner on a machine made up${missing ? ' (needs the Debian package umockdev)' : ''}`,
  () => {
    it('finds the stick where a real machine would show it', () => {
      const { stdout, stderr } = spawnSync(
        'umockdev-run',
        ['--device', file('./conbee.umockdev'), '--', process.execPath, file('./scan.child.ts')],
        { encoding: 'utf8', timeout: 20_000 },
      );
      expect(stderr).toBe('');
      const [sighting, condition, ...more] = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown);
      expect(sighting).toMatchObject({
        identifiers: { serial: 'DE2132111' },
        model: 'ConBee II',
        attributes: {
          role: 'zigbee-coordinator',
          serial_ports:
            '/dev/serial/by-id/usb-dresden_elektronik_ingenieurtechnik_GmbH_ConBee_II_DE2132111-if00',
        },
      });
      expect(condition).toEqual({ state: 'running' });
      expect(more).toEqual([]);
    });
  },
);
