/** The overload contract (docs/overload.md): what gives way, in which order, and that all of it comes back by itself. */

import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DISK_RESERVE_BYTES, LOG_SHED_SHARE } from '../../src/base/limits.ts';
import { RawPublisher } from '../support/publisher.ts';
import { PROJECT, pause, Server, temporaryDirectory, until } from '../support/server.ts';
import { LoopDisk, noPowerCut } from '../support/torture/loop-disk.ts';

const env = {
  SENSORIUM_LOG_LEVEL: 'error',
  NODE_OPTIONS: `--import ${join(PROJECT, 'test/support/held-store.ts')}`,
};
const LOG_BYTES = 64 * 1_048_576;
const PAD_BYTES = 4_096;
const OUTAGE_MS = 30_000;
/** Beyond what the server has in memory anyway: log, outboxes and commits in the making. */
const GROWTH_MAX_MIB = 256;

const hold = (server: Server): boolean => server.process.kill('SIGUSR2');
const letGo = hold;

async function publisher(server: Server, device: string, padBytes = 0): Promise<RawPublisher> {
  const made = await RawPublisher.connect(server.mqttPort, device, await server.addDevice({ id: device }));
  made.padBytes = padBytes;
  return made;
}

function rssMiB({ process: { pid } }: Server): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
}

async function metric(server: Server, name: string): Promise<number> {
  const text = await (await server.api('GET', '/metrics')).text();
  const line = text.split('\n').find((one) => one.startsWith(name));
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** Sequence numbers in history, in order of time, all of them. */
async function stored(server: Server, device: string, expected: number): Promise<number[]> {
  const { readings } = await server.get<{ readings: { value: number }[] }>(
    `/api/v1/devices/${device}/telemetry?metric=seq&from=0&limit=${expected + 1_000}`,
  );
  return readings.map(({ value }) => value);
}

const all = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** Resolves when the log holds so much that senders are paused, and nothing is acknowledged any more. */
async function standstill(server: Server, publishers: readonly RawPublisher[]): Promise<void> {
  const acknowledged = (): number => publishers.reduce((sum, one) => sum + one.acknowledged.length, 0);
  await until(
    'acknowledgements to stop',
    async () => {
      const before = acknowledged();
      await pause(1_000);
      const backlog = await metric(server, 'iot_log_backlog_bytes');
      return acknowledged() === before && backlog > LOG_SHED_SHARE * LOG_BYTES ? true : undefined;
    },
    60_000,
  );
}

describe('a store that is stalled under far more than the log can hold', () => {
  it('slows senders down, sheds QoS 0, loses nothing acknowledged, and goes on by itself', async () => {
    using directory = temporaryDirectory();
    const flags = [`--log-max-bytes=${LOG_BYTES}`];
    await using server = await Server.start({ dataDir: join(directory.path, 'data'), env, flags });
    const first = await publisher(server, 'q1a', PAD_BYTES);
    const second = await publisher(server, 'q1b', PAD_BYTES);
    const shouter = await publisher(server, 'q0', PAD_BYTES);
    const [messages, shouts] = [12_000, 12_000];
    const before = rssMiB(server);
    hold(server);
    const done = Promise.all([
      first.publish(0, messages, 500),
      second.publish(0, messages, 500),
      shouter.shout(0, shouts),
    ]);
    await standstill(server, [first, second]);
    expect(first.acknowledged.length + second.acknowledged.length).toBeLessThan(2 * messages);
    expect([first.closed, second.closed, shouter.closed]).toEqual([false, false, false]);
    expect(await metric(server, 'iot_messages_dropped_total{reason="shed"}')).toBeGreaterThan(0);
    expect(rssMiB(server) - before).toBeLessThan(GROWTH_MAX_MIB);
    expect((await fetch(`${server.http}/healthz`)).status).toBe(200);
    expect((await server.api('GET', '/api/v1/devices/q1a')).status).toBe(200);
    letGo(server);
    await done;
    await server.settled();
    expect(await stored(server, 'q1a', messages)).toEqual(all(messages));
    expect(await stored(server, 'q1b', messages)).toEqual(all(messages));
    const shed = await metric(server, 'iot_messages_dropped_total{reason="shed"}');
    const shouted = await stored(server, 'q0', shouts);
    expect(shouted.length + shed).toBe(shouts);
    expect(new Set(shouted).size).toBe(shouted.length);
    expect((await server.stop()).code).toBe(0);
  }, 180_000);
});

describe('a store whose thread is dead for half a minute under load', () => {
  it('costs no acknowledgement meanwhile, and history has each message once afterwards', async () => {
    using directory = temporaryDirectory();
    await using server = await Server.start({ dataDir: join(directory.path, 'data'), env });
    const one = await publisher(server, 'd1');
    const messages = 60_000;
    const done = one.publish(0, messages, 20);
    await pause(500);
    hold(server);
    await pause(1_000);
    server.process.kill('SIGWINCH');
    const atDeath = one.acknowledged.length;
    await until('the data manager to be down', async () => {
      const { managers } = (await (await fetch(`${server.http}/readyz`)).json()) as {
        managers: Record<string, { status: string }>;
      };
      return managers['data']?.status === 'up' ? undefined : true;
    });
    await pause(OUTAGE_MS);
    expect(one.acknowledged.length).toBeGreaterThan(atDeath);
    letGo(server);
    await done;
    expect(one.acknowledged.length).toBe(messages);
    await server.settled(60_000);
    expect(await stored(server, 'd1', messages)).toEqual(all(messages));
  }, 180_000);
});

describe.skipIf(noPowerCut !== undefined && process.env['CI'] !== 'true')(
  `a disk that fills up${noPowerCut === undefined ? '' : ` (${noPowerCut})`}`,
  () => {
    it('costs QoS 0, then whoever wants an acknowledgement, who is told; and nothing when there is room again', async () => {
      using directory = temporaryDirectory();
      using disk = new LoopDisk(directory.path);
      disk.mount();
      await using server = await Server.start({ dataDir: join(disk.path, 'data'), env });
      const ballast = join(disk.path, 'ballast');
      const sure = await publisher(server, 'q1');
      const shouter = await publisher(server, 'q0');
      await sure.publish(0, 1_000, 100);
      await fillUpTo(disk.path, ballast, 1.5 * DISK_RESERVE_BYTES);
      await until('QoS 0 to be shed', async () => {
        await shouter.shout(shouter.sent, shouter.sent + 10);
        return (await metric(server, 'iot_messages_dropped_total{reason="shed"}')) > 0 ? true : undefined;
      });
      await sure.publish(1_000, 2_000, 100);
      expect(sure.acknowledged.length).toBe(2_000);
      await fillUpTo(disk.path, ballast, 0.5 * DISK_RESERVE_BYTES);
      await until('the log to refuse', async () => {
        const answer = await server.api('POST', '/api/v1/devices/q1/telemetry', { full: 1 });
        return answer.status === 507 ? true : undefined;
      });
      // Version 3.1.1 has no other "no" [MQTT-3.3.5-2].
      await sure.publish(2_000, 2_001, 100);
      expect([sure.closed, sure.acknowledged.length]).toEqual([true, 2_000]);
      rmSync(ballast);
      await until('the log to take messages again', async () => {
        const answer = await server.api('POST', '/api/v1/devices/q1/telemetry', { again: 1 });
        return answer.ok ? true : undefined;
      });
      await server.settled();
      expect(await stored(server, 'q1', 2_000)).toEqual(all(2_000));
      await server.stop();
    }, 120_000);
  },
);

/** So that `freeBytes` are left. */
async function fillUpTo(path: string, ballast: string, freeBytes: number): Promise<void> {
  rmSync(ballast, { force: true });
  const { bavail, bsize } = await statfs(path);
  execFileSync('fallocate', ['-l', String(Math.floor(bavail * bsize - freeBytes)), ballast]);
}
