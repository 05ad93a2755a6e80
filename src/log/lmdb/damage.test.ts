import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Offset } from '../../model/packet.ts';
import { appendAll, packetOf } from '../log.case.ts';
import { openEnvironment } from './environment.ts';
import { optionsAt, temporaryFolder } from './lmdb-log.fixture.ts';
import { openLog } from './lmdb-log.ts';
import { openLogLookup } from './log-lookup.ts';
import { openLogReader } from './log-reader.ts';

const MAP_BYTES = 1_073_741_824;

describe('a damaged log', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let path: string;
  let file: string;
  beforeEach(async () => {
    folder = temporaryFolder();
    path = join(folder.path, 'log');
    file = join(path, 'data.mdb');
    const log = await openLog(optionsAt(path));
    for (let i = 0; i < 10; i += 1) await appendAll(log, [packetOf({ payload: Buffer.alloc(1_200_000, i) })]);
    await log.close();
  });
  afterEach(() => folder.remove());

  const change = async (key: Offset | string, edit: (bytes: Buffer) => void): Promise<void> => {
    const store = openEnvironment({ path, mapBytes: MAP_BYTES });
    const bytes = Buffer.from(store.getBinary(key) ?? []);
    edit(bytes);
    await store.put(key, bytes);
    await store.close();
  };

  it('is read up to the damaged block, which is named', async () => {
    const anchor = readFileSync(file).indexOf(Buffer.alloc(5_000, 6));
    const bytes = readFileSync(file);
    bytes[anchor + 2_500] = 0xff;
    writeFileSync(file, bytes);
    const log = await openLog(optionsAt(path));
    const reader = openLogReader({ path });
    const seen: Offset[] = [];
    const read = (): Offset => reader.read(0, MAP_BYTES, ({ offset }) => seen.push(offset));
    expect(read).toThrow(
      expect.objectContaining({ code: 'log.corrupt', message: expect.stringContaining('6') }),
    );
    expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
    expect(reader.read(7, MAP_BYTES, () => undefined)).toBe(10);
    await reader.close();
    const lookup = openLogLookup({ path });
    for (let i = 0; i < 2; i += 1) {
      expect(() => lookup.get(6)).toThrow(expect.objectContaining({ code: 'log.corrupt' }));
      expect([lookup.get(5)?.payload[0], lookup.get(7)?.payload[0]]).toEqual([5, 7]);
    }
    await lookup.close();
    await log.close();
  });

  it('does not open when its last block is damaged: the next offset would be a guess', async () => {
    await change(9, (bytes) => bytes.writeUInt8(0xff, 1_000_000));
    await expect(openLog(optionsAt(path))).rejects.toMatchObject({ code: 'log.corrupt' });
  });

  it('does not open when a newer version wrote it', async () => {
    await change('format', (bytes) => bytes.write('9'));
    await expect(openLog(optionsAt(path))).rejects.toMatchObject({ code: 'data_dir.newer' });
  });

  it('does not open when the environment is of a newer LMDB', async () => {
    const bytes = readFileSync(file);
    bytes.writeUInt32LE(3, 28);
    writeFileSync(file, bytes);
    await expect(openLog(optionsAt(path))).rejects.toMatchObject({ code: 'data_dir.newer' });
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it.each([
    ['text', Buffer.from('this is no database\n')],
    ['zeros', Buffer.alloc(65_536)],
    ['noise', Buffer.alloc(65_536, 0xa5)],
  ])('is left as it is when its file holds %s', async (_what, bytes) => {
    writeFileSync(file, bytes);
    await expect(openLog(optionsAt(path))).rejects.toMatchObject({ code: 'data_dir.corrupt' });
    expect(() => openLogReader({ path })).toThrow(expect.objectContaining({ code: 'data_dir.corrupt' }));
    expect(readFileSync(file).equals(bytes)).toBe(true);
  });

  it('does not open when half of its file is gone, instead of ending the process', async () => {
    truncateSync(file, 6_000_000);
    await expect(openLog(optionsAt(path))).rejects.toMatchObject({ code: 'data_dir.corrupt' });
  });

  it('does not open another LMDB database as a log', async () => {
    const other = join(folder.path, 'other');
    const store = openEnvironment({ path: other, mapBytes: MAP_BYTES });
    await store.put('users', Buffer.from('1'));
    await store.close();
    await expect(openLog(optionsAt(other))).rejects.toMatchObject({ code: 'data_dir.corrupt' });
  });

  it('cannot be where a file is, and a reader makes no log', async () => {
    const taken = join(folder.path, 'taken');
    writeFileSync(taken, 'x');
    await expect(openLog(optionsAt(taken))).rejects.toMatchObject({ code: 'data_dir.unwritable' });
    const empty = join(folder.path, 'empty');
    mkdirSync(empty);
    expect(() => openLogReader({ path: empty })).toThrow(
      expect.objectContaining({ code: 'data_dir.unwritable' }),
    );
  });

  it('begins anew where the process died before the first page', async () => {
    const fresh = join(folder.path, 'fresh');
    mkdirSync(fresh);
    writeFileSync(join(fresh, 'data.mdb'), '');
    const log = await openLog(optionsAt(fresh));
    expect(await appendAll(log, [packetOf()])).toEqual([0]);
    await log.close();
  });
});
