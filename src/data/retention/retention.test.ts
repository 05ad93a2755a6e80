import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { openLog } from '../../log/lmdb/lmdb-log.ts';
import { silentMeter } from '../../model/ports/meter.ts';
import type { ProfileInput } from '../../model/profile.ts';
import { DataManager } from '../data-manager.ts';
import { MemoryRegistry, telemetry, tempDir, until } from '../test-kit.ts';
import type { RetentionSettings } from './report.ts';

const DAY = 86_400_000;
const TODAY = Math.floor(Date.now() / DAY) * DAY;
const settings: RetentionSettings = {
  keep: { raw: 10 * DAY, minute: 20 * DAY, hour: Number.POSITIVE_INFINITY },
  partitionAfterMs: 2 * DAY,
  budgetBytes: undefined,
  firstPassMs: 1,
};

describe('the data manager with retention', () => {
  let dir: Awaited<ReturnType<typeof tempDir>>;
  let log: Awaited<ReturnType<typeof openLog>>;
  let registry: MemoryRegistry;
  let events: unknown[][];
  let counted: Map<string, number>;
  let manager: DataManager;

  beforeEach(async () => {
    dir = await tempDir();
    log = await openLog({
      path: join(dir.path, 'log'),
      clock: systemClock,
      logger: silentLogger,
      meter: silentMeter,
      maxBytes: 64 * 1_048_576,
      maxAgeMs: Number.MAX_SAFE_INTEGER,
      reserveBytes: 0,
    });
    registry = new MemoryRegistry();
    events = [];
    counted = new Map();
  });

  afterEach(async () => {
    await manager.stop();
    await log.close();
    await dir[Symbol.asyncDispose]();
  });

  async function start(retention?: RetentionSettings): Promise<void> {
    manager = new DataManager({
      log,
      logPath: join(dir.path, 'log'),
      dataDir: dir.path,
      registry,
      events: { publish: (...event) => events.push(event) },
      meter: {
        ...silentMeter,
        add: (name, value = 1, labels = {}) => counted.set(`${name} ${labels['level']}`, value),
      },
      logger: silentLogger,
      clock: systemClock,
      retention,
      pace: { lingerMs: 1 },
    });
    await manager.start();
    await until(async () => {
      const totals = await manager.history.totals();
      return totals.ok && totals.value.offset === log.next;
    });
  }

  const thinned = (): unknown[] =>
    events.filter(([type]) => type === 'history.thinned').map(([, , data]) => data);

  it('thins by profile and configuration, and queries go on over all that is kept', async () => {
    const profile: ProfileInput = { id: 'precious', version: 1, metrics: {}, retention: { raw: 'forever' } };
    await registry.putProfile(profile);
    await registry.add({ id: 'a' });
    await registry.add({ id: 'p', profile: 'precious' });
    const days = [30, 15, 5, 0];
    for (const device of ['a', 'p']) {
      for (const day of days)
        log.append({
          ...telemetry(device, { ts: TODAY - day * DAY + 1, values: { t: day } }),
          receivedAt: Date.now(),
        });
    }
    await log.committed(log.next - 1);
    await start();
    await manager.stop();
    await start(settings);
    await until(() => counted.has('iot_history_thinned_total raw'));

    const raw = async (device: string): Promise<unknown> => {
      const rows = await manager.history.readings({ device });
      return rows.ok && rows.value.map(({ value }) => value);
    };
    const daily = async (device: string): Promise<unknown> => {
      const rows = await manager.history.readings({ device, intervalMs: DAY, aggregate: 'max' });
      return rows.ok && rows.value.map(({ value }) => value);
    };
    expect([await raw('a'), await raw('p')]).toEqual([[5, 0], days]);
    expect([await daily('a'), await daily('p')]).toEqual([days, days]);
    expect(thinned()).toMatchObject([
      { level: 'raw', reason: 'age', fromMs: TODAY - 30 * DAY + 1, toMs: TODAY - 15 * DAY + 2, rows: 2 },
      { level: 'minute', reason: 'age', rows: 1 },
    ]);
    expect(counted.get('iot_history_thinned_total raw')).toBe(2);
    expect(await manager.retention.status()).toMatchObject({
      ok: true,
      value: { keep: { raw: 10 * DAY }, overrides: 1, damaged: [] },
    });
    expect(await manager.retention.preview({})).toMatchObject({ ok: true, value: { fits: true, items: [] } });
    const wanted = await manager.retention.preview({ budgetBytes: 1 });
    expect(wanted).toMatchObject({
      ok: true,
      value: { fits: false, items: [{ level: 'raw', devices: 2 }, {}, {}] },
    });
    expect(manager.health()).toEqual({ status: 'up', reasons: [] });

    await manager.stop();
    expect(await manager.retention.status()).toMatchObject({
      ok: false,
      error: { code: 'store.unavailable' },
    });
    await start(settings);
    expect([await raw('a'), await raw('p')]).toEqual([[5, 0], days]);
    expect([await daily('a'), await daily('p')]).toEqual([days, days]);
  });

  it('says that the budget is passed when nothing else may go', async () => {
    await registry.add({ id: 'a' });
    log.append({ ...telemetry('a', { t: 1 }), receivedAt: Date.now() });
    await log.committed(log.next - 1);
    await start({ ...settings, budgetBytes: 1 });
    await until(() => manager.health().status === 'degraded');
    expect(manager.health().reasons[0]).toMatch(/its budget is 1: raise retention\.budget/);
    expect(events.filter(([type]) => type === 'system.degraded')).toHaveLength(1);
    expect(thinned()).toEqual([]);
  });
});
