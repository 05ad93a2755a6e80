import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../base/clock.ts';
import type { MetricName } from '../../model/metrics.ts';
import { REFUSED } from '../../model/ports/log.ts';
import { silentMeter } from '../../model/ports/meter.ts';
import { appendAll, logCases, packetOf, readAll } from '../log.case.ts';
import { type LmdbLogUnderTest, openTemporaryLog, until } from './lmdb-log.fixture.ts';

logCases('LMDB', () => openTemporaryLog());

describe('the budget of the LMDB log', () => {
  const MIB = 1_048_576;
  const clock = new ManualClock();
  let under: LmdbLogUnderTest;
  beforeEach(async () => {
    under = await openTemporaryLog({ clock, maxBytes: 4 * MIB, maxAgeMs: 60_000 });
  });
  afterEach(() => under.dispose());

  const fill = async (records: number): Promise<void> => {
    for (let i = 0; i < records; i += 1) {
      await appendAll(under.log, [packetOf({ payload: Buffer.alloc(MIB / 4), receivedAt: clock.now() })]);
    }
  };

  it('trims the oldest, stays within its bytes, and keeps what a consumer holds', async () => {
    const { log, reader } = under;
    for (let i = 0; i < 40; i += 1) {
      log.hold('history', Math.max(0, log.next - 3));
      await fill(1);
      expect(log.sizeBytes).toBeLessThanOrEqual(4 * MIB);
    }
    expect(log.first).toBeGreaterThan(20);
    expect(log.first).toBeLessThanOrEqual(log.next - 3);
    expect(reader.first).toBe(log.first);
    expect(readAll(reader).map(({ offset }) => offset)).toEqual(
      Array.from({ length: log.next - log.first }, (_, i) => log.first + i),
    );
    under = await under.reopen();
    const { first, next, sizeBytes } = under.log;
    expect([first >= log.first, next, sizeBytes > MIB]).toEqual([true, 40, true]);
    under = await under.reopen();
    expect([under.log.first, under.log.next, under.log.sizeBytes]).toEqual([first, next, sizeBytes]);
  });

  it('refuses when all is held, and goes on when the consumer does', async () => {
    const { log } = under;
    log.hold('history', 0);
    log.hold('other', 1_000);
    await fill(15);
    expect(log.append(packetOf({ payload: Buffer.alloc(MIB / 2) }))).toBe(REFUSED);
    expect(log.refusal).toBe('log.full');
    expect(log.first).toBe(0);
    expect(log.append(packetOf())).toBe(15);
    log.hold('history', 10);
    await until(() => log.first > 0);
    expect(log.first).toBeLessThanOrEqual(10);
    await fill(2);
  });

  it('no longer keeps what a consumer held that has left', async () => {
    const { log } = under;
    log.hold('history', 12);
    log.hold('sessions', 1);
    await fill(14);
    await until(() => log.first === 1);
    log.release('nobody');
    log.release('sessions');
    await until(() => log.first === 3);
    log.release('history');
    await fill(1);
    expect(log.first).toBe(3);
  });

  it('says what would be trimmed before it is', async () => {
    const { log } = under;
    await fill(10);
    // A record takes 65 pages, and three quarters of the budget are filled before trimming starts.
    expect([0.9, 0.5, 0.25, 0].map((share) => log.endangered(share))).toEqual([0, 5, 8, 10]);
    await fill(5);
    const within = log.endangered(1);
    expect(within).toBeGreaterThan(0);
    log.hold('history', 15);
    await until(() => log.first > 0);
    expect(log.first).toBe(within);
    expect(log.endangered(1)).toBe(0);
  });

  it('says what would be too old before it is', async () => {
    const { log } = under;
    await fill(3);
    clock.advance(50_000);
    await fill(2);
    expect([log.endangered(1), log.endangered(0.8)]).toEqual([0, 3]);
    clock.advance(49_000);
    expect([log.endangered(1), log.endangered(0.8)]).toEqual([3, 5]);
  });

  it('trims nothing before a consumer has said how far it is', async () => {
    const { log } = under;
    await fill(10);
    clock.advance(3_600_000);
    log.trim();
    await fill(1);
    expect(log.first).toBe(0);
  });

  it('trims by age, and keeps the last block, so that offsets go on after a restart', async () => {
    const { log } = under;
    await fill(5);
    clock.advance(61_000);
    await fill(2);
    log.hold('history', log.next);
    log.trim();
    await until(() => log.first === 5);
    clock.advance(61_000);
    log.trim();
    await until(() => log.first === 6);
    under = await under.reopen();
    expect([under.log.first, under.log.next]).toEqual([6, 7]);
  });

  it('trims many small blocks step by step', async () => {
    const { log } = under;
    for (let i = 0; i < 200; i += 1) await appendAll(log, [packetOf({ receivedAt: clock.now() })]);
    clock.advance(61_000);
    log.hold('history', 150);
    log.trim();
    await until(() => log.first === 150);
    expect(readAll(under.reader)[0]?.offset).toBe(150);
  });
});

describe('the LMDB log', () => {
  it('refuses while the disk has less free than the reserve, and says so in its health', async () => {
    const under = await openTemporaryLog({ reserveBytes: Number.MAX_SAFE_INTEGER });
    expect(under.log.append(packetOf())).toBe(REFUSED);
    expect(under.log.refusal).toBe('disk.full');
    expect(under.log.health().status).toBe('degraded');
    await under.dispose();
  });

  it('commits what is open when it closes, and refuses afterwards', async () => {
    const under = await openTemporaryLog();
    const { log } = under;
    for (let i = 0; i < 1_000; i += 1) log.append(packetOf());
    const committed = log.committed(999);
    const again = await under.reopen();
    await expect(committed).resolves.toBeUndefined();
    expect(again.log.next).toBe(1_000);
    expect(log.append(packetOf())).toBe(REFUSED);
    await again.dispose();
  });

  it('counts appends, commits and bytes', async () => {
    const read = new Map<MetricName, () => number>();
    const seconds: number[] = [];
    const under = await openTemporaryLog({
      meter: {
        ...silentMeter,
        observe: (_name, value) => void seconds.push(value),
        collect: (name, source) => {
          read.set(name, source);
          return () => read.delete(name);
        },
      },
    });
    await appendAll(under.log, [packetOf(), packetOf(), packetOf()]);
    const value = (name: MetricName): number | undefined => read.get(name)?.();
    expect(value('iot_log_appended_total')).toBe(3);
    expect(value('iot_log_committed_total')).toBe(3);
    expect(value('iot_log_commits_total')).toBe(seconds.length);
    expect(value('iot_log_bytes')).toBe(under.log.sizeBytes);
    await under.dispose();
    expect(read.size).toBe(0);
  });
});
