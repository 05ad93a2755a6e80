/**
 * Programs of the system that tests and benchmarks call. On Debian as root the missing ones are installed; elsewhere
 * they are named, and CI=true makes that a failure, so that no machine passes by leaving tests out.
 *
 *   node scripts/system-packages.ts test|bench
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { ADMIN_PATHS } from './steps.ts';

interface Program {
  /** Looked for on the PATH; or a file, where the package brings no program. */
  readonly binary: string;
  /** Name of the Debian package that brings it. */
  readonly debian: string;
  readonly why: string;
  readonly for: readonly string[];
}

const PROGRAMS: readonly Program[] = [
  { binary: 'mosquitto_pub', debian: 'mosquitto-clients', why: 'a device that is not ours', for: ['test'] },
  {
    binary: '/usr/lib/python3/dist-packages/paho/mqtt/client.py',
    debian: 'python3-paho-mqtt',
    why: 'an MQTT client that is not ours',
    for: ['test'],
  },
  {
    binary: 'mosquitto',
    debian: 'mosquitto',
    why: 'the broker to compare with, and to bridge to',
    for: ['test', 'bench'],
  },
  { binary: 'influxd', debian: 'influxdb', why: 'part of the stack to compare with', for: ['bench'] },
  { binary: 'cc', debian: 'gcc', why: 'builds the load generator', for: ['bench'] },
  { binary: 'strace', debian: 'strace', why: 'disk faults', for: ['test'] },
  { binary: 'ip', debian: 'iproute2', why: 'networks of several hosts', for: ['test', 'bench'] },
  { binary: 'losetup', debian: 'mount', why: 'power cuts, on a disk in a file', for: ['test'] },
  { binary: 'mkfs.ext4', debian: 'e2fsprogs', why: 'power cuts, on a disk in a file', for: ['test'] },
  { binary: 'umockdev-run', debian: 'umockdev', why: 'USB devices made up', for: ['test'] },
  {
    binary: '/usr/lib/python3/dist-packages/dbusmock/__init__.py',
    debian: 'python3-dbusmock',
    why: 'a Bluetooth adapter made up',
    for: ['test'],
  },
  { binary: 'dbus-daemon', debian: 'dbus', why: 'a Bluetooth adapter made up', for: ['test'] },
];

const POLICY = '/usr/sbin/policy-rc.d';

function isInstalled({ binary }: Program): boolean {
  if (isAbsolute(binary)) return existsSync(binary);
  return [...(process.env['PATH'] ?? '').split(delimiter), ...ADMIN_PATHS].some((folder) => {
    try {
      accessSync(join(folder, binary), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function install(packages: readonly string[]): void {
  console.log(`apt-get install ${packages.join(' ')}`);
  // Debian starts a service when it installs it; a broker on 1883 is not what was asked for.
  const quiet = !existsSync(POLICY);
  if (quiet) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const words = ['install', '--yes', '--no-install-recommends', ...packages];
    if (aptGet(words) !== 0 && aptGet(['update']) === 0) aptGet(words);
  } finally {
    if (quiet) rmSync(POLICY, { force: true });
  }
}

function aptGet(words: readonly string[]): number | null {
  return spawnSync('apt-get', ['-qq', ...words], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  }).status;
}

function main(purpose: string): void {
  const needed = PROGRAMS.filter((program) => program.for.includes(purpose));
  const missing = (): readonly Program[] => needed.filter((program) => !isInstalled(program));
  if (missing().length > 0 && process.getuid?.() === 0 && existsSync('/etc/debian_version')) {
    install([...new Set(missing().map(({ debian }) => debian))]);
  }
  const left = missing();
  if (left.length === 0) return console.log(`${needed.length} programs present`);
  for (const { binary, debian, why } of left)
    console.log(`missing: ${binary} (${why}); Debian package ${debian}`);
  if (process.env['CI'] === 'true') process.exitCode = 1;
  else console.log('tests that need them will fail');
}

main(process.argv[2] ?? 'test');
