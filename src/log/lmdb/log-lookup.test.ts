import { afterEach, beforeEach, expect, it } from 'vitest';
import { LOG_LOOKUP_BLOCKS_MAX, LOG_LOOKUP_MAX_BYTES } from '../../base/limits.ts';
import { seededRandom } from '../../base/random.ts';
import type { Offset } from '../../model/packet.ts';
import { appendAll, packetOf, readAll } from '../log.case.ts';
import { type LmdbLogUnderTest, openTemporaryLog, until } from './lmdb-log.fixture.ts';
import { openLogLookup } from './log-lookup.ts';

let under: LmdbLogUnderTest;
beforeEach(async () => {
  under = await openTemporaryLog({ maxBytes: 64 * 1_048_576 });
});
afterEach(() => under.dispose());

const numbered = (offset: Offset, size: number): ReturnType<typeof packetOf> =>
  packetOf({ topic: `t/${offset % 7}`, payload: Buffer.alloc(size, `${offset};`), receivedAt: offset });

function expectAnywhere(end: Offset, size: number): void {
  const random = seededRandom(3);
  const wrong: Offset[] = [];
  for (let i = 0; i < 2_000; i += 1) {
    const at = Math.floor(random.next() * end);
    const record = under.lookup.get(at);
    const expected = numbered(at, size);
    const isRight =
      record?.offset === at &&
      record.topic === expected.topic &&
      Buffer.compare(record.payload, expected.payload) === 0;
    if (!isRight) wrong.push(at);
  }
  expect(wrong).toEqual([]);
}

it('finds every record of more full blocks than it remembers', async () => {
  const size = 20_000;
  const end = Math.ceil((2 * LOG_LOOKUP_MAX_BYTES) / size);
  await appendAll(
    under.log,
    Array.from({ length: end }, (_, offset) => numbered(offset, size)),
  );
  expectAnywhere(end, size);
});

it('finds every record of more small blocks than it remembers', async () => {
  const end = LOG_LOOKUP_BLOCKS_MAX + 200;
  for (let offset = 0; offset < end; offset += 1) await appendAll(under.log, [numbered(offset, 30)]);
  expectAnywhere(end, 30);
});

it('finds a record larger than all it may remember, and the small ones around it', async () => {
  await appendAll(under.log, [numbered(0, 10), numbered(1, LOG_LOOKUP_MAX_BYTES - 10), numbered(2, 10)]);
  for (const at of [0, 1, 2, 1, 0]) expect(under.lookup.get(at)?.receivedAt).toBe(at);
});

it('finds nothing of what was trimmed, and nothing of a log that is empty', async () => {
  const { log, path } = under;
  for (let offset = 0; offset < 60; offset += 1) await appendAll(log, [numbered(offset, 1_000_000)]);
  log.hold('history', 60);
  await until(() => log.first > 0);
  const fresh = openLogLookup({ path });
  expect(fresh.get(log.first - 1)).toBeUndefined();
  expect(fresh.get(log.first)?.offset).toBe(log.first);
  await fresh.close();
  expect(readAll(under.reader)[0]?.offset).toBe(log.first);
});
