import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryStateStore } from '../../test/support/memory-state.ts';
import { ManualClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import { seededRandom } from '../base/random.ts';
import type { EventBus } from '../model/ports/events.ts';
import { noMessaging } from '../model/ports/messaging.ts';
import { silentMeter } from '../model/ports/meter.ts';
import type { StateStore } from '../model/ports/state.ts';
import { openStateStore } from '../state/lmdb/lmdb-state.ts';
import { DeviceManager } from './device-manager.ts';
import { DISCOVERY_OFF } from './discovery/settings.ts';

const silentEvents: Pick<EventBus, 'publish' | 'on'> = {
  publish: () => undefined,
  on: () => () => undefined,
};

const managerOf = (state: StateStore): DeviceManager =>
  new DeviceManager({
    state,
    events: silentEvents,
    messaging: noMessaging,
    isBehind: () => false,
    meter: silentMeter,
    logger: silentLogger,
    clock: new ManualClock(),
    random: seededRandom(1),
    discovery: DISCOVERY_OFF,
  });

describe('the device manager', () => {
  it('is down before its start and after its stop, and its registry is one object throughout', async () => {
    const manager = managerOf(new MemoryStateStore());
    const { registry } = manager;
    expect(manager.health().status).toBe('down');
    expect((await registry.add({ id: 'a' }, '@admin')).ok).toBe(false);
    await manager.start();
    expect(manager.health()).toEqual({ status: 'up', reasons: [] });
    expect((await registry.add({ id: 'a' }, '@admin')).ok).toBe(true);
    await manager.stop();
    await manager.stop();
    expect(manager.health().status).toBe('down');
    expect(registry.get('a')?.id).toBe('a');
    await manager.start();
    expect(manager.registry).toBe(registry);
    expect((await registry.add({ id: 'b' }, '@admin')).ok).toBe(true);
    await manager.stop();
  });

  it('is degraded while the disk refuses writes, and fails to start when it cannot read', async () => {
    const state = new MemoryStateStore();
    const manager = managerOf(state);
    await manager.start();
    state.writeFault = new Error('ENOSPC');
    await manager.registry.add({ id: 'a' }, '@admin');
    expect(manager.health()).toMatchObject({
      status: 'degraded',
      reasons: [expect.stringContaining('ENOSPC')],
    });
    state.writeFault = undefined;
    await manager.registry.add({ id: 'a' }, '@admin');
    expect(manager.health().status).toBe('up');
    await manager.stop();
    state.readFault = new Error('EIO');
    await expect(manager.start()).rejects.toThrow('EIO');
    expect(manager.health().status).toBe('down');
  });
});

describe('the device manager on LMDB', () => {
  let path: string;
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), 'sensorium-devices-'));
  });
  afterEach(() => rmSync(path, { recursive: true }));

  it('finds devices and profiles again after a restart of the store', async () => {
    const first = await openStateStore({ path, logger: silentLogger });
    const manager = managerOf(first);
    await manager.start();
    const metrics = { t: { type: 'number', unit: 'Cel', maximum: 9 } } as const;
    for (const version of [9, 10]) {
      const put = await manager.registry.putProfile({ id: 'p', version, metrics }, '@admin');
      expect(put.ok).toBe(true);
    }
    await manager.registry.add({ id: 'gw', gateway: true, name: 'Größe ☃' }, '@admin');
    const ids = Array.from({ length: 300 }, (_, i) => `d${(i * 7) % 300}`);
    await Promise.all(ids.map((id) => manager.registry.add({ id, parent: 'gw', profile: 'p' }, '@admin')));
    await manager.registry.update('d5', { name: 'five', attributes: { a: [1] } }, '@admin');
    await manager.registry.remove('d6', '@admin');
    const before = manager.registry.list({ limit: 1_000 });
    await manager.stop();
    await first.close();

    const second = await openStateStore({ path, logger: silentLogger });
    const again = managerOf(second);
    await again.start();
    expect(again.registry.list({ limit: 1_000 })).toEqual(before);
    expect(again.registry.size).toBe(300);
    expect(again.registry.get('d5')).toMatchObject({ name: 'five', attributes: { a: [1] }, version: 2 });
    expect(again.registry.get('d6')).toBeUndefined();
    expect(again.registry.profile('p')).toMatchObject({ version: 10, metrics });
    expect(again.registry.list({ parent: 'gw' }).total).toBe(299);
    await again.stop();
    await second.close();
  });
});
