import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/logger.ts';
import { type StateUnderTest, stateCases } from '../state.case.ts';
import { openEnvironment } from './environment.ts';
import { openStateStore } from './lmdb-state.ts';

const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'sensorium-state-'));
const openAt = (path: string): ReturnType<typeof openStateStore> =>
  openStateStore({ path, logger: silentLogger });

async function openTemporary(): Promise<StateUnderTest> {
  const folder = temporaryFolder();
  const open = async (): Promise<StateUnderTest> => {
    const store = await openAt(join(folder, 'state'));
    return {
      store,
      reopen: async () => {
        await store.close();
        return open();
      },
      dispose: async () => {
        await store.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  };
  return open();
}

stateCases('LMDB', openTemporary);

describe('a damaged state store', () => {
  let folder: string;
  let path: string;
  let file: string;
  beforeEach(async () => {
    folder = temporaryFolder();
    path = join(folder, 'state');
    file = join(path, 'data.mdb');
    const store = await openAt(path);
    const blobs = store.bytes('blobs');
    await Promise.all([1, 2, 3].map((n) => blobs.put(`k${n}`, Buffer.alloc(2_097_152, n))));
    await store.close();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is left as it is when its file is no database', async () => {
    writeFileSync(file, 'this is no database\n');
    await expect(openAt(path)).rejects.toMatchObject({ code: 'data_dir.corrupt' });
    expect(readFileSync(file, 'utf8')).toBe('this is no database\n');
  });

  it('does not open when half of its file is gone', async () => {
    truncateSync(file, 1_000_000);
    await expect(openAt(path)).rejects.toMatchObject({ code: 'data_dir.corrupt' });
  });

  it('does not open when a newer version wrote it', async () => {
    const root = openEnvironment(path);
    await root.put(Buffer.from('@format'), Buffer.from('7'));
    await root.close();
    await expect(openAt(path)).rejects.toMatchObject({ code: 'data_dir.newer' });
  });

  it('does not open another LMDB database as state', async () => {
    const other = join(folder, 'other');
    const root = openEnvironment(other);
    await root.put(Buffer.from('users'), Buffer.from('1'));
    await root.close();
    await expect(openAt(other)).rejects.toMatchObject({ code: 'data_dir.corrupt' });
  });
});

// A file system small enough to fill needs the right to mount one.
describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)(
  'a state store on a full disk',
  () => {
    it('rejects the write, keeps what is there, and writes again when space is freed', async () => {
      const folder = temporaryFolder();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder]);
      try {
        const ballast = join(folder, 'ballast');
        const store = await openAt(join(folder, 'state'));
        const blobs = store.bytes('blobs');
        await blobs.put('kept', Buffer.from('kept'));
        writeFileSync(ballast, Buffer.alloc(6 * 1_048_576));
        const batch = store.batch(() => {
          void blobs.put('small', Buffer.from('small'));
          void blobs.put('large', Buffer.alloc(4 * 1_048_576));
          void blobs.remove('kept');
        });
        await expect(batch).rejects.toMatchObject({ code: 'disk.full' });
        expect(blobs.get('small')).toBeUndefined();
        await expect(blobs.put('large', Buffer.alloc(4 * 1_048_576))).rejects.toMatchObject({
          code: 'disk.full',
        });
        expect(Buffer.from(blobs.get('kept') ?? []).toString()).toBe('kept');
        expect(blobs.get('large')).toBeUndefined();
        rmSync(ballast);
        await blobs.put('large', Buffer.alloc(4 * 1_048_576));
        expect(blobs.count).toBe(2);
        await store.close();
      } finally {
        execFileSync('umount', ['-l', folder]);
        rmSync(folder, { recursive: true, force: true });
      }
    });
  },
);
