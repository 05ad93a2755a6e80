import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Offset } from '../../model/packet.ts';
import { REFUSED } from '../../model/ports/log.ts';
import { packetOf, readAll } from '../log.case.ts';
import { optionsAt, temporaryFolder, until } from './lmdb-log.fixture.ts';
import { openLog } from './lmdb-log.ts';
import { openLogReader } from './log-reader.ts';

const MIB = 1_048_576;
const canMount = process.platform === 'linux' && process.getuid?.() === 0;

// A file system small enough to fill needs the right to mount one.
describe.runIf(canMount)('a log on a full disk', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  beforeEach(() => {
    folder = temporaryFolder();
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', folder.path]);
  });
  afterEach(() => {
    execFileSync('umount', ['-l', folder.path]);
    folder.remove();
  });

  it('fails what did not get there, keeps what did, and goes on by itself when space is freed', async () => {
    const path = join(folder.path, 'log');
    const ballast = join(folder.path, 'ballast');
    writeFileSync(ballast, Buffer.alloc(10 * MIB));
    const log = await openLog(optionsAt(path));
    const failed: { from: Offset; through: Offset; code: string }[] = [];
    let committed = -1;
    log.listen({
      committed: (through) => {
        committed = through;
      },
      failed: (from, through, { code }) => failed.push({ from, through, code }),
      congestion: () => undefined,
    });
    const packet = (): Parameters<typeof log.append>[0] =>
      packetOf({ payload: Buffer.alloc(MIB / 2, `${log.next};`) });
    while (failed.length === 0) {
      const offset = log.append(packet());
      log.append(packet());
      await log
        .committed(offset)
        .catch((error: unknown) => expect(error).toMatchObject({ code: 'disk.full' }));
    }
    const through = log.next - 1;
    expect(failed).toEqual([{ from: committed + 1, through, code: 'disk.full' }]);
    await expect(log.committed(through)).rejects.toMatchObject({ code: 'disk.full' });
    expect(log.append(packet())).toBe(REFUSED);
    expect([log.refusal, log.health().status]).toEqual(['disk.full', 'degraded']);

    const kept = committed;
    const reader = openLogReader({ path });
    expect(readAll(reader)).toHaveLength(kept + 1);

    rmSync(ballast);
    await until(() => log.health().status === 'up');
    const offset = log.append(packet());
    expect(offset).toBe(through + 1);
    await log.committed(offset);
    const offsets = readAll(reader).map((record) => record.offset);
    expect(offsets).toEqual([...Array.from({ length: kept + 1 }, (_, i) => i), offset]);
    expect(reader.read(through, 1, ({ offset: first }) => expect(first).toBe(offset))).toBe(offset + 1);
    await reader.close();
    await log.close();
    const again = await openLog(optionsAt(path));
    expect(again.next).toBe(offset + 1);
    await again.close();
  });

  it('stops before the disk is full: the reserve stays free', async () => {
    const path = join(folder.path, 'log');
    const log = await openLog(optionsAt(path, { reserveBytes: 14 * MIB }));
    for (let i = 0; i < 40; i += 1)
      await log.committed(log.append(packetOf({ payload: Buffer.alloc(100_000) })));
    await until(() => log.health().status === 'degraded');
    expect(log.append(packetOf())).toBe(REFUSED);
    expect(log.refusal).toBe('disk.full');
    await log.close();
    const { bavail, bsize } = statfsSync(folder.path);
    expect(bavail * bsize).toBeGreaterThan(0);
  });
});
