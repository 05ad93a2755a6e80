/** The first promise: what was acknowledged is there after the process, or the machine, dies. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { RawPublisher } from '../support/publisher.ts';
import { pause, Server, temporaryDirectory } from '../support/server.ts';

const KILLS = 10;
const POWER_CUTS = 5;

interface Answer {
  readonly readings: readonly { readonly value: number }[];
}

/** Publishes from `from` on until the process dies by `kill`; answers what was sent and acknowledged. */
async function loadUntilDeath(
  server: Server,
  token: string,
  from: number,
  kill: () => Promise<void>,
): Promise<RawPublisher> {
  const publisher = await RawPublisher.connect(server.mqttPort, 'd1', token);
  const running = publisher.publish(from, from + 1_000_000, 100);
  await kill();
  await running;
  publisher.end();
  return publisher;
}

async function storedSequence(server: Server): Promise<number[]> {
  await server.settled();
  const answer = await server.get<Answer>('/api/v1/devices/d1/telemetry?metric=seq&limit=1000000');
  return answer.readings.map((reading) => reading.value).toSorted((a, b) => a - b);
}

describe('acknowledged is durable', () => {
  it(`keeps every acknowledged message, once, over ${KILLS} kills at random moments`, async () => {
    using directory = temporaryDirectory();
    const acknowledged: number[] = [];
    let token = '';
    let next = 0;
    for (let cycle = 0; cycle < KILLS; cycle += 1) {
      await using server = await Server.start({ dataDir: directory.path });
      if (cycle === 0) token = await server.addDevice({ id: 'd1' });
      const publisher = await loadUntilDeath(server, token, next, async () => {
        await pause(50 + Math.random() * 400);
        await server.stop('SIGKILL');
      });
      acknowledged.push(...publisher.acknowledged);
      next += publisher.sent;
    }
    await using server = await Server.start({ dataDir: directory.path });
    const stored = await storedSequence(server);
    const unique = new Set(stored);
    expect(acknowledged.length).toBeGreaterThan(KILLS * 100);
    expect(acknowledged.filter((seq) => !unique.has(seq))).toEqual([]);
    expect(stored.length).toBe(unique.size);
  }, 120_000);

  it(`keeps every acknowledged message over ${POWER_CUTS} power cuts`, async ({ skip }) => {
    if (process.platform !== 'linux' || process.getuid?.() !== 0)
      skip('needs root on Linux to mount a file system and cut it off');
    using directory = temporaryDirectory();
    const disk = new LoopDisk(directory.path);
    const acknowledged: number[] = [];
    let token = '';
    let next = 0;
    try {
      for (let cycle = 0; cycle < POWER_CUTS; cycle += 1) {
        disk.mount();
        await using server = await Server.start({ dataDir: join(disk.path, 'data') });
        if (cycle === 0) token = await server.addDevice({ id: 'd1' });
        const publisher = await loadUntilDeath(server, token, next, async () => {
          await pause(100 + Math.random() * 400);
          server.process.kill('SIGSTOP');
          disk.cutPower();
          await server.stop('SIGKILL');
        });
        acknowledged.push(...publisher.acknowledged);
        next += publisher.sent;
        disk.unmount();
      }
      disk.mount();
      await using server = await Server.start({ dataDir: join(disk.path, 'data') });
      const stored = await storedSequence(server);
      const unique = new Set(stored);
      expect(acknowledged.length).toBeGreaterThan(POWER_CUTS * 100);
      expect(acknowledged.filter((seq) => !unique.has(seq))).toEqual([]);
      expect(stored.length).toBe(unique.size);
    } finally {
      disk.unmount();
    }
  }, 120_000);
});

/** An ext4 file system in a file, which can lose everything that was not flushed. */
class LoopDisk {
  readonly path: string;
  readonly #image: string;
  #mounted = false;

  constructor(directory: string) {
    this.path = join(directory, 'mnt');
    this.#image = join(directory, 'disk.img');
    mkdirSync(this.path);
    execFileSync('truncate', ['-s', '512M', this.#image]);
    execFileSync('mkfs.ext4', ['-q', '-F', this.#image]);
  }

  mount(): void {
    execFileSync('mount', ['-o', 'loop', this.#image, this.path]);
    this.#mounted = true;
  }

  /** EXT4_IOC_SHUTDOWN with NOLOGFLUSH: the file system goes down without writing what it still holds. */
  cutPower(): void {
    const program =
      'import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1],os.O_RDONLY),0x8004587d,struct.pack("I",2))';
    execFileSync('python3', ['-c', program, this.path]);
  }

  unmount(): void {
    if (this.#mounted) execFileSync('umount', [this.path]);
    this.#mounted = false;
  }
}
