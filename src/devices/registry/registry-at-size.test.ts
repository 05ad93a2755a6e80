import * as fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStateStore } from '../../../test/support/memory-state.ts';
import { ManualClock } from '../../base/clock.ts';
import { DEVICE_HISTORY_MAX, GATEWAY_DEPTH_MAX } from '../../base/limits.ts';
import { silentLogger } from '../../base/logger.ts';
import type { Result } from '../../base/result.ts';
import type { Device } from '../../model/device.ts';
import type { SensoriumError } from '../../model/errors.ts';
import { isDeviceId } from '../../model/ids.ts';
import type { DeviceQuery } from '../../model/ports/registry.ts';
import { OPEN_PROFILE } from '../../model/profile.ts';
import { DeviceIndex } from './device-index.ts';
import { DeviceRegistry } from './device-registry.ts';

const codeOf = (result: Result<unknown, SensoriumError>): string => (result.ok ? 'ok' : result.error.code);

function device(id: string, more: Partial<Device>): Device {
  if (!isDeviceId(id)) throw new Error(id);
  const common = { name: id, profile: OPEN_PROFILE.id, gateway: false, attributes: {} };
  return { id, ...common, createdAt: 0, updatedAt: 0, version: 1, ...more };
}

describe('the index of devices', () => {
  it('answers as a look at every device would, whatever comes, changes and goes', () => {
    const name = fc.stringMatching(/^[abÄ]{1,6}$/);
    const labels = fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 3 });
    const step = fc.record({
      id: fc.stringMatching(/^[ab]{1,3}$/),
      name,
      tags: labels,
      groups: labels,
      isGone: fc.boolean(),
    });
    const query = fc.record(
      {
        text: fc.oneof(fc.stringMatching(/^[abä]{0,4}$/), name),
        tags: labels,
        group: fc.constantFrom('x', 'y', 'nobody'),
        after: fc.stringMatching(/^[ab]{0,3}$/),
        limit: fc.integer({ min: 1, max: 4 }),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.array(query, { maxLength: 8 }), (steps, queries) => {
        const index = new DeviceIndex();
        const oracle = new Map<string, Device>();
        for (const { id, isGone, ...more } of steps) {
          if (isGone) {
            index.remove(id);
            oracle.delete(id);
          } else {
            index.put(device(id, more));
            oracle.set(id, device(id, more));
          }
        }
        for (const asked of queries) expect(index.list(asked)).toEqual(slowList(oracle, asked));
      }),
      { numRuns: 400, seed: 3 },
    );
  });
});

function slowList(devices: ReadonlyMap<string, Device>, query: DeviceQuery): object {
  const { text = '', tags = [], group, after = '', limit = 100 } = query;
  const needle = text.toLowerCase();
  const matching = [...devices.values()]
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .filter(({ id, name }) => id.toLowerCase().includes(needle) || name.toLowerCase().includes(needle))
    .filter((one) => tags.every((tag) => one.tags?.includes(tag)))
    .filter((one) => group === undefined || one.groups?.includes(group));
  const rest = matching.filter(({ id }) => id > after);
  const page = rest.slice(0, limit);
  return { devices: page, total: matching.length, next: rest.length > limit ? page.at(-1)?.id : undefined };
}

describe('the registry', () => {
  let state: MemoryStateStore;
  let clock: ManualClock;
  let registry: DeviceRegistry;
  const opened = (): DeviceRegistry => {
    const made = new DeviceRegistry({
      state,
      events: { publish: () => undefined },
      logger: silentLogger,
      clock,
    });
    made.open();
    return made;
  };
  beforeEach(() => {
    state = new MemoryStateStore();
    clock = new ManualClock();
    registry = opened();
  });

  it('keeps tags, groups and identifiers over a restart, in one order, each once', async () => {
    await registry.putGroup({ id: 'floor-1', name: 'First floor' }, 'user:a');
    const added = await registry.add(
      {
        id: 'a',
        tags: ['b', 'a', 'b'],
        groups: ['floor-1'],
        identifiers: { serial: ' 7 ', mac: 'AA-BB-CC-DD-EE-FF' },
      },
      'user:a',
    );
    expect(added).toMatchObject({
      value: {
        tags: ['a', 'b'],
        groups: ['floor-1'],
        identifiers: { mac: 'aa:bb:cc:dd:ee:ff', serial: '7' },
      },
    });
    const again = opened();
    expect(again.get('a')).toEqual(registry.get('a'));
    expect(again.group('floor-1')).toMatchObject({ name: 'First floor', devices: 1 });
    expect(again.list({ identifier: 'serial:7' })).toMatchObject({ total: 1, devices: [{ id: 'a' }] });
  });

  it.each([
    [{ tags: ['a b'] }, 'request.invalid'],
    [{ tags: ['a\u202E'] }, 'request.invalid'],
    [{ groups: ['nobody'] }, 'group.unknown'],
    [{ identifiers: { mac: '12:34' } }, 'request.invalid'],
    [{ identifiers: { 'Bad Scheme': 'x' } }, 'request.invalid'],
    [{ identifiers: { serial: '\u0007' } }, 'request.invalid'],
  ])('refuses %j', async (more, code) => {
    expect(codeOf(await registry.add({ id: 'a', ...more }, 'user:a'))).toBe(code);
  });

  it('gives one identity to one device only, also when two come at once', async () => {
    const identifiers = { mac: 'aabbccddeeff' };
    const results = await Promise.all(
      ['a', 'b', 'c'].map((id) => registry.add({ id, identifiers }, 'user:a')),
    );
    expect(results.map(codeOf).toSorted()).toEqual(['device.identity_taken', 'device.identity_taken', 'ok']);
    const owner = registry.list({ identifier: 'mac:aa:bb:cc:dd:ee:ff' }).devices[0]?.id ?? '';
    await registry.add({ id: 'd' }, 'user:a');
    expect(codeOf(await registry.update('d', { identifiers }, 'user:a'))).toBe('device.identity_taken');
    await registry.update(owner, { identifiers: {} }, 'user:a');
    expect(codeOf(await registry.update('d', { identifiers }, 'user:a'))).toBe('ok');
  });

  it('moves a device to another gateway, and off it', async () => {
    for (const id of ['g1', 'g2']) await registry.add({ id, gateway: true }, 'user:a');
    await registry.add({ id: 'c', parent: 'g1' }, 'user:a');
    await registry.update('c', { parent: 'g2' }, 'user:a');
    expect(registry.list({ parent: 'g2' }).total).toBe(1);
    expect(codeOf(await registry.remove('g1', 'user:a'))).toBe('ok');
    await registry.update('c', { parent: null }, 'user:a');
    expect(registry.get('c')?.parent).toBeUndefined();
    expect(opened().get('c')?.parent).toBeUndefined();
  });

  it('lets gateways hang on gateways, never in a circle, also when two move at once', async () => {
    for (const id of ['a', 'b', 'c']) await registry.add({ id, gateway: true }, 'user:a');
    await registry.update('b', { parent: 'a' }, 'user:a');
    expect(codeOf(await registry.update('a', { parent: 'b' }, 'user:a'))).toBe('gateway.cycle');
    expect(codeOf(await registry.update('a', { parent: 'a' }, 'user:a'))).toBe('gateway.cycle');
    const moves = await Promise.all([
      registry.update('c', { parent: 'a' }, 'user:a'),
      registry.update('a', { parent: 'c' }, 'user:a'),
    ]);
    expect(moves.map(codeOf).toSorted()).toEqual(['gateway.cycle', 'ok']);
    await registry.add({ id: 'd0', gateway: true }, 'user:a');
    for (let depth = 1; depth < GATEWAY_DEPTH_MAX; depth += 1)
      await registry.add({ id: `d${depth}`, gateway: true, parent: `d${depth - 1}` }, 'user:a');
    const parent = `d${GATEWAY_DEPTH_MAX - 1}`;
    expect(registry.get(parent)).toBeDefined();
    await registry.add({ id: 'deep', gateway: true, parent }, 'user:a');
    expect(codeOf(await registry.add({ id: 'deeper', parent: 'deep' }, 'user:a'))).toBe('gateway.cycle');
  });

  it('takes a preset away, but not from one that speaks for children by it', async () => {
    await registry.add({ id: 'z', preset: 'zigbee2mqtt', topicBase: 'z2m' }, 'user:a');
    await registry.add({ id: 'lamp', parent: 'z' }, 'user:a');
    expect(codeOf(await registry.update('z', { preset: null }, 'user:a'))).toBe('device.has_children');
    const both = await Promise.all([
      registry.update('lamp', { parent: null }, 'user:a'),
      registry.update('z', { preset: null }, 'user:a'),
    ]);
    expect(codeOf(both[0])).toBe('ok');
    await registry.update('z', { preset: null }, 'user:a');
    expect(registry.get('z')).toMatchObject({ preset: undefined, topicBase: undefined });
    expect(codeOf(await registry.update('lamp', { parent: 'z' }, 'user:a'))).toBe('gateway.required');
  });

  it('lets no child come to a gateway that is ceasing to be one', async () => {
    await registry.add({ id: 'g', gateway: true }, 'user:a');
    const [ceased, came] = await Promise.all([
      registry.update('g', { gateway: false }, 'user:a'),
      registry.add({ id: 'c', parent: 'g' }, 'user:a'),
    ]);
    expect([codeOf(ceased), codeOf(came)].filter((code) => code === 'ok')).toHaveLength(1);
  });

  it('removes a profile and a group only when no device has them, also while one is getting them', async () => {
    await registry.putProfile({ id: 'p', version: 3, metrics: {} }, 'user:a');
    await registry.putGroup({ id: 'g' }, 'user:a');
    await registry.add({ id: 'a', profile: 'p', groups: ['g'] }, 'user:a');
    expect(codeOf(await registry.removeProfile('p', 'user:a'))).toBe('profile.in_use');
    expect(codeOf(await registry.removeGroup('g', 'user:a'))).toBe('group.in_use');
    await registry.update('a', { profile: 'open', groups: [] }, 'user:a');
    const results = await Promise.all([
      registry.add({ id: 'b', profile: 'p', groups: ['g'] }, 'user:a'),
      registry.removeProfile('p', 'user:a'),
      registry.removeGroup('g', 'user:a'),
    ]);
    const isTaken = results[0].ok;
    expect(results.slice(1).map((result) => result.ok)).toEqual([!isTaken, !isTaken]);
    if (isTaken) await registry.remove('b', 'user:a');
    await registry.removeProfile('p', 'user:a');
    await registry.removeGroup('g', 'user:a');
    expect(opened().profile('p')).toBeUndefined();
    expect(opened().groups()).toEqual([]);
    expect(codeOf(await registry.removeProfile('environment', 'user:a'))).toBe('profile.built_in');
    expect(codeOf(await registry.removeProfile('nope', 'user:a'))).toBe('profile.unknown');
    expect(codeOf(await registry.putProfile({ id: 'p', version: 1, metrics: {} }, 'user:a'))).toBe('ok');
  });
});

describe('the history of a device', () => {
  let state: MemoryStateStore;
  let clock: ManualClock;
  let registry: DeviceRegistry;
  beforeEach(() => {
    state = new MemoryStateStore();
    clock = new ManualClock();
    registry = new DeviceRegistry({
      state,
      events: { publish: () => undefined },
      logger: silentLogger,
      clock,
    });
    registry.open();
  });

  it('says who changed what and when, over removal and return', async () => {
    await registry.add({ id: 'a', attributes: { room: 'hall' } }, 'user:ann');
    clock.advance(1_000);
    await registry.update('a', { name: 'Lamp', attributes: { room: 'x'.repeat(1_000) } }, 'user:bob');
    await registry.report('a', { fw: '2' });
    await registry.remove('a', 'user:cyd');
    await registry.add({ id: 'a' }, 'user:dan');
    const changes = registry.history('a');
    expect(changes.map(({ by, kind, version }) => [by, kind, version])).toEqual([
      ['user:dan', 'added', 1],
      ['user:cyd', 'removed', 3],
      ['user:bob', 'changed', 2],
      ['user:ann', 'added', 1],
    ]);
    expect(changes[2]).toMatchObject({
      at: clock.now(),
      changes: { name: { from: 'a', to: 'Lamp' }, 'attributes.room': { from: 'hall' } },
    });
    expect(JSON.stringify(changes[2]).length).toBeLessThan(600);
    expect(changes[3]?.changes).toEqual({ profile: { to: 'open' }, 'attributes.room': { to: 'hall' } });
    expect(registry.history('nobody')).toEqual([]);
  });

  it('keeps the last ones only', async () => {
    await registry.add({ id: 'a' }, 'user:ann');
    for (let n = 0; n < DEVICE_HISTORY_MAX + 20; n += 1)
      await registry.update('a', { name: `n${n}` }, 'user:ann');
    const changes = registry.history('a');
    expect(changes).toHaveLength(DEVICE_HISTORY_MAX);
    expect(changes[0]?.changes['name']?.to).toBe(`n${DEVICE_HISTORY_MAX + 19}`);
  });

  it('is written with the change, or neither is', async () => {
    await registry.add({ id: 'a' }, 'user:ann');
    state.writeFault = new Error('EIO');
    await registry.update('a', { name: 'n' }, 'user:ann');
    await registry.remove('a', 'user:ann');
    state.writeFault = undefined;
    expect(registry.history('a')).toHaveLength(1);
    expect(registry.get('a')?.name).toBe('a');
  });
});

describe('a rehearsal', () => {
  it('judges each row as if those before it had been written, and writes nothing', async () => {
    const state = new MemoryStateStore();
    const clock = new ManualClock();
    const registry = new DeviceRegistry({
      state,
      events: { publish: () => undefined },
      logger: silentLogger,
      clock,
    });
    registry.open();
    await registry.add({ id: 'there' }, 'user:a');
    const { judge } = bound(registry.rehearse());
    expect(await judge({ id: 'g', gateway: true, identifiers: { serial: '1' } })).toBe('added');
    expect(await judge({ id: 'c', parent: 'g' })).toBe('added');
    expect(await judge({ id: 'c' })).toBe('device.exists');
    expect(await judge({ id: 'd', parent: 'c' })).toBe('gateway.required');
    expect(await judge({ id: 'e', identifiers: { serial: '1' } })).toBe('device.identity_taken');
    expect(await judge({ id: 'there', name: 'New' }, true)).toBe('changed');
    expect(await judge({ id: 'there', name: 'New' }, true)).toBe('unchanged');
    expect(await judge({ id: 'g', gateway: false }, true)).toBe('device.has_children');
    expect(await judge({ id: 'a/b' })).toBe('device.id_invalid');
    expect(registry.size).toBe(1);
    expect(registry.get('there')?.name).toBe('there');
  });
});

type Rehearsal = ReturnType<DeviceRegistry['rehearse']>;
const bound = (rehearsal: Rehearsal) => ({
  judge: async (input: Parameters<Rehearsal['judge']>[0], update = false): Promise<string> => {
    const judged = await rehearsal.judge(input, { update });
    return judged.ok ? judged.value : judged.error.code;
  },
});
