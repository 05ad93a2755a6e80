import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DATA_FORMAT, DataDirectory } from './data-directory.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sensorium-dir-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('data directory', () => {
  it('is created for its owner alone', async () => {
    const directory = new DataDirectory(join(root, 'a/b'));
    await directory.open();
    expect(statSync(join(root, 'a/b')).mode & 0o077).toBe(0);
    directory.close();
  });

  it('belongs to one process at a time, and is free again after it', async () => {
    const first = new DataDirectory(root);
    const second = new DataDirectory(root);
    await first.open();
    await expect(second.open()).rejects.toMatchObject({ code: 'data_dir.in_use' });
    first.close();
    await second.open();
    second.close();
  });

  it('refuses a newer format and leaves the file as it is', async () => {
    const path = join(root, 'format.json');
    writeFileSync(path, JSON.stringify({ format: DATA_FORMAT + 1 }));
    await expect(new DataDirectory(root).open()).rejects.toMatchObject({ code: 'data_dir.newer' });
    expect(readFileSync(path, 'utf8')).toBe(JSON.stringify({ format: DATA_FORMAT + 1 }));
  });

  it.each(['', '{', '[]', '{"format":"x"}'])('refuses a damaged format file %j', async (text) => {
    writeFileSync(join(root, 'format.json'), text);
    await expect(new DataDirectory(root).open()).rejects.toMatchObject({ code: 'data_dir.corrupt' });
  });

  it('says so when the path is a file', async () => {
    writeFileSync(join(root, 'file'), '');
    await expect(new DataDirectory(join(root, 'file')).open()).rejects.toMatchObject({
      code: 'data_dir.unwritable',
    });
  });

  it('says so when the disk is full', async ({ skip }) => {
    if (process.platform !== 'linux' || process.getuid?.() !== 0)
      skip('needs root on Linux to mount a small file system');
    const path = join(root, 'full');
    mkdirSync(path);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4096', 'tmpfs', path]);
    try {
      writeFileSync(join(path, 'filler'), Buffer.alloc(4_096));
      await expect(new DataDirectory(path).open()).rejects.toMatchObject({ code: 'disk.full' });
    } finally {
      execFileSync('umount', [path]);
    }
  });
});
