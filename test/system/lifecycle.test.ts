/** Starting and ending, in good and bad circumstances, as the operator of a machine meets them. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RawPublisher } from '../support/publisher.ts';
import { PROJECT, pause, Server, temporaryDirectory } from '../support/server.ts';

/** Starts a server that must not get ready; answers its exit and what it said. */
async function refusedStart(
  options: ConstructorParameters<typeof Server>[0],
): Promise<{ code: number | null; stderr: string }> {
  const server = new Server(options);
  const { code } = await server.exited;
  expect(server.stdout).toBe('');
  return { code, stderr: server.stderr };
}

describe('asked what it is', () => {
  it.each([
    ['--help', /^Usage: sensorium/],
    ['--version', /^\d+\.\d+\.\d+\n$/],
  ])('answers %s, and starts nothing', (flag, answer) => {
    const argv = [join(PROJECT, 'src/main.ts'), flag];
    expect(execFileSync(process.execPath, argv, { encoding: 'utf8' })).toMatch(answer);
  });
});

describe('starting', () => {
  it('prints the admin password once, and nothing but the ready line on standard output', async () => {
    using directory = temporaryDirectory();
    await using first = await Server.start({ dataDir: directory.path });
    expect(first.stderr).toContain('administrator');
    expect(first.stdout.trim().split('\n')).toHaveLength(1);
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    await using second = await Server.start({ dataDir: directory.path });
    expect(second.stderr).not.toContain('administrator');
  });

  it('keeps keys and the run file for the owner alone', async () => {
    using directory = temporaryDirectory();
    const server = await Server.start({ dataDir: directory.path });
    const keys = join(directory.path, 'keys');
    const open = [
      join(directory.path, 'run.json'),
      ...readdirSync(keys).map((name) => join(keys, name)),
    ].filter(
      (path) => (statSync(path).mode & 0o077) !== 0 && !path.endsWith('.crt') && !path.endsWith('.pem.pub'),
    );
    await server.stop();
    expect(open).toEqual([]);
  });

  it('says per manager that it is healthy and ready', async () => {
    using directory = temporaryDirectory();
    await using server = await Server.start({ dataDir: directory.path });
    for (const path of ['/healthz', '/readyz']) {
      const response = await fetch(`${server.http}${path}`);
      expect(response.status).toBe(200);
      const { managers } = (await response.json()) as { managers: Record<string, { status: string }> };
      expect(Object.keys(managers).toSorted()).toEqual(['communication', 'data', 'devices', 'security']);
      expect(Object.values(managers).map((manager) => manager.status)).toEqual(['up', 'up', 'up', 'up']);
    }
  });

  it('names a taken port and what to do', async () => {
    using directory = temporaryDirectory();
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => other.once('listening', done));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { code, stderr } = await refusedStart({ dataDir: directory.path, flags: [`--mqtt-port=${port}`] });
    other.close();
    expect(code).toBe(1);
    expect(stderr).toContain('port.taken');
    expect(stderr).toContain(String(port));
  });

  it('refuses a second process on the same data directory and leaves the first alone', async () => {
    using directory = temporaryDirectory();
    await using first = await Server.start({ dataDir: directory.path });
    const { code, stderr } = await refusedStart({ dataDir: directory.path });
    expect(code).toBe(1);
    expect(stderr).toContain('data_dir.in_use');
    expect((await first.api('GET', '/api/v1/devices')).status).toBe(200);
  });

  it('refuses a wrong configuration with file, line and allowed values', async () => {
    using directory = temporaryDirectory();
    writeFileSync(join(directory.path, 'sensorium.yaml'), 'logLevel: info\nhttp:\n  port: http\n');
    const { code, stderr } = await refusedStart({
      dataDir: join(directory.path, 'data'),
      flags: ['--config', join(directory.path, 'sensorium.yaml')],
    });
    expect(code).toBe(1);
    expect(stderr).toContain('config.invalid');
  });

  it('refuses a data directory of a newer version without touching it', async () => {
    using directory = temporaryDirectory();
    writeFileSync(join(directory.path, 'format.json'), '{"format":99}');
    const { code, stderr } = await refusedStart({ dataDir: directory.path });
    expect(code).toBe(1);
    expect(stderr).toContain('data_dir.newer');
    expect(readdirSync(directory.path)).toEqual(['format.json']);
  });

  it('refuses a data directory it cannot write', async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, 'file');
    writeFileSync(path, '');
    chmodSync(path, 0o400);
    const { code, stderr } = await refusedStart({ dataDir: path });
    expect(code).toBe(1);
    expect(stderr).toContain('data_dir.unwritable');
  });

  it('never deletes or recreates a history it cannot open', async () => {
    using directory = temporaryDirectory();
    const first = await Server.start({ dataDir: directory.path });
    await first.stop();
    const path = join(directory.path, 'history.duckdb');
    const damaged = Buffer.concat([Buffer.from('not a database at all'), readFileSync(path).subarray(21)]);
    writeFileSync(path, damaged);
    const { code, stderr } = await refusedStart({ dataDir: directory.path });
    expect(code).toBe(1);
    expect(stderr).toContain('store.failed');
    expect(readFileSync(path).equals(damaged)).toBe(true);
  });
});

describe('ending', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'drains on %s under load, exits 0 and loses nothing acknowledged',
    async (signal) => {
      using directory = temporaryDirectory();
      const server = await Server.start({ dataDir: directory.path });
      const token = await server.addDevice({ id: 'd1' });
      const publisher = await RawPublisher.connect(server.mqttPort, 'd1', token);
      const running = publisher.publish(0, 1_000_000, 100);
      await pause(300);
      const exit = await server.stop(signal);
      await running;
      expect(exit).toEqual({ code: 0, signal: null });
      await using again = await Server.start({ dataDir: directory.path });
      const totals = await again.settled();
      expect(totals.stored).toBeGreaterThanOrEqual(publisher.acknowledged.length);
      expect(publisher.acknowledged.length).toBeGreaterThan(0);
    },
  );

  it('ends at once on a second signal', async () => {
    using directory = temporaryDirectory();
    const server = await Server.start({ dataDir: directory.path });
    server.process.kill('SIGTERM');
    server.process.kill('SIGINT');
    const { signal } = await server.exited;
    expect(signal).toBeNull();
  });

  it('takes the run file away', async () => {
    using directory = temporaryDirectory();
    const server = await Server.start({ dataDir: directory.path });
    await server.stop();
    expect(readdirSync(directory.path)).not.toContain('run.json');
  });
});

describe('a full disk', () => {
  it('refuses with a code, keeps what was acknowledged, and goes on when there is space', async ({
    skip,
  }) => {
    if (process.platform !== 'linux' || process.getuid?.() !== 0)
      skip('needs root on Linux to mount a small file system');
    using directory = temporaryDirectory();
    const mount = join(directory.path, 'small');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300M', 'tmpfs', mount]);
    try {
      await using server = await Server.start({ dataDir: join(mount, 'data') });
      await server.addDevice({ id: 'd1' });
      const send = async (): Promise<Response> =>
        await server.api('POST', '/api/v1/devices/d1/telemetry', { temperature: 20 });
      expect((await send()).status).toBe(200);
      const filler = join(mount, 'filler');
      execFileSync('sh', ['-c', `head -c 290M /dev/zero > ${filler} || true`], { stdio: 'ignore' });
      await pause(2_500);
      const refused = await send();
      expect(refused.status).toBe(507);
      expect(await refused.json()).toMatchObject({ code: 'disk.full' });
      expect((await fetch(`${server.http}/healthz`)).status).toBe(200);
      execFileSync('rm', [filler]);
      await pause(2_500);
      expect((await send()).status).toBe(200);
      expect((await server.settled()).stored).toBe(2);
      await server.stop();
    } finally {
      execFileSync('umount', [mount]);
    }
  });
});
