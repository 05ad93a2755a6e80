import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DataPacket } from '../../model/packet.ts';
import { appendAll, asRecord, copyOf, packetOf, readAll } from '../log.case.ts';
import { openEnvironment } from './environment.ts';
import { optionsAt, temporaryFolder } from './lmdb-log.fixture.ts';
import { openLog } from './lmdb-log.ts';
import { openLogLookup } from './log-lookup.ts';
import { openLogReader } from './log-reader.ts';

const MAP_BYTES = 1_073_741_824;

const numbered = (n: number, fields: Partial<DataPacket> = {}): DataPacket =>
  packetOf({ payload: Buffer.from(`{"n":${n}}`), receivedAt: 1_790_000_000_000 + n, ...fields });

/** The packets below, as the version before `meta` stored them: first offset of the block, its bytes. */
const STORED = new Map([
  [
    0,
    'U1NMQmXHUNUBADgAAgAAAAAAAAAAAAAAAADABkUMekIAEMAGRQx6QgAAAAAAAAAAngAAAAAAAAA2AAAAAQEAAMAGRQx6QggAFQBzZW5z' +
      'b3ItMXYxL3NlbnNvci0xL3RlbGVtZXRyeXsibiI6MH0wAAAAAS4AEMAGRQx6QggADwBzZW5zb3ItMXYxL8OpL3RlbGVtZXRyeXsibiI6' +
      'MX0=',
  ],
  [
    2,
    'U1NMQiilcRwBADgAAQAAAAAAAAAAAABAACDABkUMekIAIMAGRQx6QgAAAAAAwGdAZQAAAAAAAAAtAAAAARgAIMAGRQx6QgYAFQBAYWRt' +
      'aW52MS9zZW5zb3ItMS90ZWxlbWV0cnk=',
  ],
]);
const PACKETS = [
  numbered(0),
  numbered(1, { qos: 2, format: 'senml+cbor', checked: true, topic: 'v1/é/telemetry' }),
  numbered(2, { origin: '@admin', qos: 0, format: 'csv', payload: Buffer.alloc(0) }),
];

describe('a log whose records have no meta', () => {
  let folder: ReturnType<typeof temporaryFolder>;
  let path: string;
  beforeEach(() => {
    folder = temporaryFolder();
    path = join(folder.path, 'log');
  });
  afterEach(() => folder.remove());

  it('is read, looked up and gone on with as the version before wrote it', async () => {
    const before = openEnvironment({ path, mapBytes: MAP_BYTES });
    await before.put('format', Buffer.from('1'));
    for (const [base, bytes] of STORED) await before.put(base, Buffer.from(bytes, 'base64'));
    await before.close();
    const log = await openLog(optionsAt(path));
    const packets = [...PACKETS, numbered(3, { meta: Buffer.from('new') })];
    expect(await appendAll(log, packets.slice(3))).toEqual([3]);
    const expected = packets.map(asRecord);
    const reader = openLogReader({ path });
    expect(readAll(reader)).toEqual(expected);
    const lookup = openLogLookup({ path });
    for (const [offset, record] of expected.entries()) {
      expect(copyOf(lookup.get(offset) ?? expect.unreachable())).toEqual(record);
    }
    await Promise.all([reader.close(), lookup.close()]);
    await log.close();
  });

  it('is written as the version before wrote it, to the byte', async () => {
    const log = await openLog(optionsAt(path));
    await appendAll(log, PACKETS.slice(0, 2));
    await appendAll(log, PACKETS.slice(2));
    await log.close();
    const store = openEnvironment({ path, mapBytes: MAP_BYTES });
    const stored = [...STORED.keys()].map((base) =>
      Buffer.from(store.getBinary(base) ?? []).toString('base64'),
    );
    expect(stored).toEqual([...STORED.values()]);
    await store.close();
  });
});
