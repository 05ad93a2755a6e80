import { statfs } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LOG_PAUSE_SHARE, LOG_SHED_SHARE } from '../../base/limits.ts';
import type { DataPacket } from '../../model/packet.ts';
import { REFUSED } from '../../model/ports/log.ts';
import { packetOf } from '../log.case.ts';
import { type LmdbLogUnderTest, openTemporaryLog, until } from './lmdb-log.fixture.ts';

const MAX_BYTES = 16 * 1_048_576;
const PAYLOAD = Buffer.alloc(100_000);

let under: LmdbLogUnderTest;
const congestion: boolean[] = [];

beforeEach(async () => {
  under = await openTemporaryLog({ maxBytes: MAX_BYTES });
  congestion.length = 0;
  under.log.listen({
    committed: () => undefined,
    failed: () => undefined,
    congestion: (congested) => congestion.push(congested),
  });
});
afterEach(async () => await under.dispose());

const packet = (qos: DataPacket['qos']): DataPacket => packetOf({ qos, payload: PAYLOAD });

/** Appends QoS 1 until `isThere`, each on disk before the next. */
async function fillUntil(isThere: () => boolean): Promise<void> {
  while (!isThere()) await under.log.committed(under.log.append(packet(1)));
}

describe('a consumer that falls behind', () => {
  it('costs QoS 0 first, and what is acknowledged keeps its room', async () => {
    const { log } = under;
    log.hold('history', 0);
    await fillUntil(() => log.append(packet(0)) === REFUSED);
    expect(log.refusal).toBe('log.shedding');
    expect(log.sizeBytes).toBeGreaterThan(LOG_SHED_SHARE * MAX_BYTES - 4 * PAYLOAD.length);
    expect(log.congested).toBe(false);
    expect(log.append(packet(1))).not.toBe(REFUSED);
  });

  it('pauses the sources before the log is full, and lets them go on when it has caught up', async () => {
    const { log } = under;
    log.hold('history', 0);
    await fillUntil(() => log.congested);
    expect(log.sizeBytes).toBeGreaterThan(LOG_PAUSE_SHARE * MAX_BYTES - 4 * PAYLOAD.length);
    expect(log.append(packet(1))).not.toBe(REFUSED);
    log.hold('history', Math.floor(log.next / 20));
    expect(congestion).toEqual([true]);
    log.hold('history', log.durable);
    // By itself, as soon as what was let go is trimmed.
    await until(() => !log.congested);
    expect(congestion).toEqual([true, false]);
    expect(log.append(packet(0))).not.toBe(REFUSED);
  });

  it('is the slowest one, whoever else is ahead', async () => {
    const { log } = under;
    log.hold('history', 0);
    log.hold('mqtt', 0);
    await fillUntil(() => log.congested);
    log.hold('mqtt', log.durable);
    expect(log.congested).toBe(true);
    log.release('mqtt');
    expect(log.congested).toBe(true);
    log.release('history');
    // Nobody has said how far it is: all is kept.
    expect(log.congested).toBe(true);
  });

  it('is remembered over a restart until it says otherwise', async () => {
    under.log.hold('history', 0);
    await fillUntil(() => under.log.congested);
    under = await under.reopen();
    expect(under.log.append(packet(0))).toBe(REFUSED);
    under.log.hold('history', under.log.durable);
    expect(under.log.append(packet(0))).not.toBe(REFUSED);
  });
});

describe('a disk with little left', () => {
  it('costs QoS 0 before it costs anybody else', async () => {
    const tight = await openTemporaryLog({ reserveBytes: await halfOfWhatIsFree(under.path) });
    expect(tight.log.append(packet(0))).toBe(REFUSED);
    expect(tight.log.refusal).toBe('log.shedding');
    expect(tight.log.append(packet(1))).not.toBe(REFUSED);
    await tight.dispose();
  });
});

/** A little more than half: twice that is not there, once is. */
async function halfOfWhatIsFree(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return 0.6 * bavail * bsize;
}

describe('a consumer that has caught up at once', () => {
  it('lets senders go on no faster than the log gets rid of what it has let go', async () => {
    const { log } = under;
    log.hold('history', 0);
    await fillUntil(() => log.congested);
    log.hold('history', log.durable);
    for (let i = 0; i < 1_000; i += 1) {
      await until(() => !log.congested);
      const offset = log.append(packet(1));
      expect([offset === REFUSED, i]).toEqual([false, i]);
      log.hold('history', log.durable);
      if (i % 4 === 0) await log.committed(offset);
    }
    expect(log.first).toBeGreaterThan(0);
  });
});
