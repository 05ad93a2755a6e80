import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStateStore } from '../../../test/support/memory-state.ts';
import { ManualClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import type { Result } from '../../base/result.ts';
import type { SensoriumError } from '../../model/errors.ts';
import type { EventMap, EventType } from '../../model/events.ts';
import type { EventPublisher } from '../../model/ports/events.ts';
import type { RegistryChange } from '../../model/ports/registry.ts';
import { DeviceRegistry } from './device-registry.ts';

class RecordingEvents implements EventPublisher {
  readonly published: string[] = [];
  publish<T extends EventType>(type: T, subject: string, _data: EventMap[T]): void {
    this.published.push(`${type} ${subject}`);
  }
}

const codeOf = (result: Result<unknown, SensoriumError>): string => (result.ok ? 'ok' : result.error.code);
const valueOf = <T>(result: Result<T, SensoriumError>): T => {
  if (!result.ok) throw result.error;
  return result.value;
};

describe('the device registry', () => {
  let state: MemoryStateStore;
  let events: RecordingEvents;
  let clock: ManualClock;
  let registry: DeviceRegistry;

  const opened = (): DeviceRegistry => {
    const made = new DeviceRegistry({ state, events, logger: silentLogger, clock });
    made.open();
    return made;
  };

  beforeEach(() => {
    state = new MemoryStateStore();
    events = new RecordingEvents();
    clock = new ManualClock();
    registry = opened();
  });

  it('keeps devices over a restart, with every field', async () => {
    await registry.add({ id: 'gw', gateway: true }, '@admin');
    clock.advance(5);
    const input = {
      id: 'plug-1',
      name: 'Küche 🔌',
      profile: 'energy-meter',
      parent: 'gw',
      preset: 'tasmota' as const,
      topicBase: 'plug/one',
      attributes: { room: 'kitchen', floor: 2, tags: ['a', { b: null }] },
    };
    const added = valueOf(await registry.add(input, '@admin'));
    expect(added).toMatchObject({ ...input, gateway: false, version: 1, createdAt: clock.now() });
    const again = opened();
    expect(again.get('plug-1')).toEqual(added);
    expect(again.size).toBe(2);
    expect(events.published).toEqual(['device.registered gw', 'device.registered plug-1']);
  });

  it('gives a device without a name its id, and the open profile', async () => {
    const device = valueOf(await registry.add({ id: 'a', name: '  ' }, '@admin'));
    expect(device).toMatchObject({ name: 'a', profile: 'open', attributes: {} });
  });

  it('lets one of many concurrent adds of an id win', async () => {
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) => registry.add({ id: 'same', name: `n${i}` }, '@admin')),
    );
    const codes = results.map(codeOf);
    expect(codes.filter((code) => code === 'ok')).toHaveLength(1);
    expect(codes.filter((code) => code === 'device.exists')).toHaveLength(19);
    const winner = results.find((result) => result.ok);
    expect(registry.get('same')).toEqual(winner?.ok === true ? winner.value : undefined);
    expect(state.writes.filter((key) => key.startsWith('devices/'))).toEqual(['devices/same']);
    expect(events.published).toEqual(['device.registered same']);
  });

  it('shows a device to nobody before it is on disk', async () => {
    const seen: RegistryChange[] = [];
    registry.onChange((change) => seen.push(change));
    const adding = registry.add({ id: 'a' }, '@admin');
    await Promise.resolve();
    expect(registry.get('a')).toBeUndefined();
    expect(seen).toEqual([]);
    await adding;
    expect(seen).toMatchObject([{ kind: 'device-put', added: true, device: { id: 'a' } }]);
  });

  it.each([
    ['', 'device.id_invalid'],
    ['a/b', 'device.id_invalid'],
    ['a+', 'device.id_invalid'],
    ['#', 'device.id_invalid'],
    ['@admin', 'device.id_invalid'],
    ['$SYS', 'device.id_invalid'],
    ['__proto__', 'device.id_invalid'],
    ['x'.repeat(129), 'device.id_invalid'],
    ['ä', 'device.id_invalid'],
    ['a\n', 'device.id_invalid'],
  ])('refuses the id %j', async (id, code) => {
    expect(codeOf(await registry.add({ id }, '@admin'))).toBe(code);
    expect(registry.size).toBe(0);
  });

  it.each([
    ['control character', 'a\u001b[31mred'],
    ['new line', 'a\nb'],
    ['right-to-left override', 'abc\u202Egpj.exe'],
    ['right-to-left mark', 'a\u200Fb'],
    ['lone surrogate', 'a\uD800'],
    ['4 KB', 'x'.repeat(4_096)],
  ])('refuses a name with a %s', async (_what, name) => {
    expect(codeOf(await registry.add({ id: 'a', name }, '@admin'))).toBe('request.invalid');
    await registry.add({ id: 'b' }, '@admin');
    expect(codeOf(await registry.update('b', { name }, '@admin'))).toBe('request.invalid');
  });

  it('takes markup and other scripts in names as text', async () => {
    for (const name of ['<svg onload=alert(1)>', 'غرفة', '居間', "Robert'); DROP TABLE"]) {
      const id = `d${registry.size}`;
      expect(valueOf(await registry.add({ id, name }, '@admin')).name).toBe(name);
    }
  });

  it('refuses attributes that hurt: reserved names, depth, size, number', async () => {
    const add = async (json: string): Promise<string> => {
      const attributes: Record<string, unknown> = JSON.parse(json);
      return codeOf(await registry.add({ id: 'a', attributes }, '@admin'));
    };
    expect(await add('{"__proto__":{"gateway":true}}')).toBe('request.invalid');
    expect(await add('{"a":{"constructor":1}}')).toBe('request.invalid');
    expect(await add(`{"a":${'['.repeat(40)}${']'.repeat(40)}}`)).toBe('request.invalid');
    expect(await add(`{"a":"${'x'.repeat(20_000)}"}`)).toBe('request.invalid');
    expect(
      await add(JSON.stringify(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`k${i}`, i])))),
    ).toBe('request.invalid');
    expect(await add('{"a\\u0000":1}')).toBe('request.invalid');
    expect(await add('{"plain":{"nested":[1,2]}}')).toBe('ok');
  });

  it('names the field that is wrong, and unknown fields', async () => {
    const loose: { add(input: unknown, by: string): Promise<Result<unknown, SensoriumError>> } = registry;
    const wrong = await loose.add({ id: 'a', gateway: 'yes' }, '@admin');
    expect(wrong.ok ? '' : wrong.error.message).toContain('gateway');
    const extra = await loose.add({ id: 'a', admin: true }, '@admin');
    expect(extra.ok ? '' : extra.error.message).toContain('admin');
    expect(codeOf(await loose.add(null, '@admin'))).toBe('request.invalid');
    expect(codeOf(await loose.add({ id: 7 }, '@admin'))).toBe('request.invalid');
  });

  it('keeps presets out of the own topic tree', async () => {
    const refused = [
      { id: 'v1', preset: 'shelly' as const },
      { id: 'a', preset: 'shelly' as const, topicBase: 'v1/victim' },
      { id: 'a', preset: 'homeassistant' as const, topicBase: 'v1' },
      { id: 'a', preset: 'zigbee2mqtt' as const, topicBase: '#' },
      { id: 'a', preset: 'zigbee2mqtt' as const, topicBase: 'z/+' },
      { id: 'a', preset: 'zigbee2mqtt' as const, topicBase: '/x' },
      { id: 'a', preset: 'zigbee2mqtt' as const, topicBase: '$SYS' },
      { id: 'a', preset: 'tasmota' as const, topicBase: "$'" },
    ];
    for (const input of refused) expect(codeOf(await registry.add(input, '@admin'))).toBe('request.invalid');
    await registry.add({ id: 'ok', preset: 'zigbee2mqtt', topicBase: 'haus/z2m' }, '@admin');
    expect(codeOf(await registry.update('ok', { topicBase: 'v1' }, '@admin'))).toBe('request.invalid');
    expect(valueOf(await registry.update('ok', { topicBase: '' }, '@admin')).topicBase).toBeUndefined();
  });

  it('asks for a parent that is there and speaks for children', async () => {
    expect(codeOf(await registry.add({ id: 'c', parent: 'gw' }, '@admin'))).toBe('device.unknown');
    await registry.add({ id: 'plain' }, '@admin');
    expect(codeOf(await registry.add({ id: 'c', parent: 'plain' }, '@admin'))).toBe('gateway.required');
    expect(codeOf(await registry.add({ id: 'c', parent: 'c' }, '@admin'))).toBe('device.unknown');
    await registry.add({ id: 'z2m', preset: 'zigbee2mqtt' }, '@admin');
    expect(codeOf(await registry.add({ id: 'c', parent: 'z2m' }, '@admin'))).toBe('ok');
  });

  it('removes a gateway only without children, also when one is arriving', async () => {
    await registry.add({ id: 'gw', gateway: true }, '@admin');
    await registry.add({ id: 'c1', parent: 'gw' }, '@admin');
    expect(codeOf(await registry.remove('gw', '@admin'))).toBe('device.has_children');
    await registry.remove('c1', '@admin');
    const [child, gone] = await Promise.all([
      registry.add({ id: 'c2', parent: 'gw' }, '@admin'),
      registry.remove('gw', '@admin'),
    ]);
    expect([codeOf(child), codeOf(gone)].toSorted()).not.toEqual(['ok', 'ok']);
    const [gone2, child2] = await Promise.all([
      registry.remove('gw', '@admin'),
      registry.add({ id: 'c3', parent: 'gw' }, '@admin'),
    ]);
    expect([codeOf(gone2), codeOf(child2)]).not.toEqual(['ok', 'ok']);
    for (const id of ['c2', 'c3']) {
      const { parent } = registry.get(id) ?? {};
      if (parent !== undefined) expect(registry.get(parent)).toBeDefined();
    }
  });

  it('refuses a change that was based on an older version', async () => {
    await registry.add({ id: 'a' }, '@admin');
    expect(valueOf(await registry.update('a', { name: 'one' }, '@admin', 1)).version).toBe(2);
    expect(codeOf(await registry.update('a', { name: 'two' }, '@admin', 1))).toBe('device.version_conflict');
    const [x, y] = await Promise.all([
      registry.update('a', { name: 'x' }, '@admin', 2),
      registry.update('a', { name: 'y' }, '@admin', 2),
    ]);
    expect([codeOf(x), codeOf(y)]).toEqual(['ok', 'device.version_conflict']);
    expect(codeOf(await registry.update('nobody', {}, '@admin'))).toBe('device.unknown');
    expect(codeOf(await registry.update('a', { profile: 'nope' }, '@admin'))).toBe('profile.unknown');
  });

  it('writes nothing for a change that changes nothing', async () => {
    await registry.add({ id: 'a', attributes: { fw: '1', deep: { x: 1 } } }, '@admin');
    const before = state.writes.length;
    await registry.report('a', { fw: '1', deep: { x: 1 } });
    expect(valueOf(await registry.update('a', { name: 'a' }, '@admin')).version).toBe(1);
    expect(state.writes.length).toBe(before);
  });

  it('merges what a device reports; null removes; a flood of names is refused', async () => {
    await registry.add({ id: 'a', attributes: { fw: '1', keep: true } }, '@admin');
    await registry.report('a', { fw: '2', ip: '192.0.2.7' });
    await registry.report('a', { keep: null });
    expect(registry.get('a')?.attributes).toEqual({ fw: '2', ip: '192.0.2.7' });
    await registry.report('unknown', { x: 1 });
    for (let round = 0; round < 4; round += 1) {
      const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`r${round}k${i}`, i]));
      await registry.report('a', many);
    }
    expect(Object.keys(registry.get('a')?.attributes ?? {}).length).toBeLessThanOrEqual(128);
    await registry.report('a', JSON.parse('{"__proto__":{"x":1}}'));
    expect(Object.hasOwn(registry.get('a')?.attributes ?? {}, '__proto__')).toBe(false);
  });

  it('answers a failing disk with an error, keeps what is there, and recovers', async () => {
    await registry.add({ id: 'a' }, '@admin');
    state.writeFault = new Error('EIO');
    expect(codeOf(await registry.add({ id: 'b' }, '@admin'))).toBe('registry.unavailable');
    expect(codeOf(await registry.update('a', { name: 'n' }, '@admin'))).toBe('registry.unavailable');
    expect(codeOf(await registry.remove('a', '@admin'))).toBe('registry.unavailable');
    expect(registry.get('b')).toBeUndefined();
    expect(registry.get('a')).toMatchObject({ name: 'a', version: 1 });
    expect(registry.faults.join()).toContain('EIO');
    state.writeFault = undefined;
    expect(codeOf(await registry.add({ id: 'b' }, '@admin'))).toBe('ok');
    expect(registry.faults).toEqual([]);
    expect(events.published).toEqual(['device.registered a', 'device.registered b']);
  });

  it('answers lookups while closed, refuses writes, and waits for those on their way', async () => {
    await registry.add({ id: 'a' }, '@admin');
    const late = registry.add({ id: 'b' }, '@admin');
    await new Promise((resolve) => setImmediate(resolve));
    await registry.close();
    expect(codeOf(await late)).toBe('ok');
    expect(registry.get('a')?.id).toBe('a');
    expect(codeOf(await registry.add({ id: 'c' }, '@admin'))).toBe('registry.unavailable');
    registry.open();
    expect(codeOf(await registry.add({ id: 'c' }, '@admin'))).toBe('ok');
    expect(registry.list({}).devices.map((device) => device.id)).toEqual(['a', 'b', 'c']);
  });

  it('leaves stored rows that it cannot read alone and says so', async () => {
    await registry.add({ id: 'a' }, '@admin');
    const raw = state.table<unknown>('devices');
    await raw.put('b', { id: 'not-b', name: 'x' });
    await raw.put('c', 'garbage');
    const again = opened();
    expect(again.size).toBe(1);
    expect(again.faults.join()).toContain('2 stored devices');
    expect(raw.count).toBe(3);
  });

  it('pages in id order without skipping or repeating while devices come and go', async () => {
    for (const id of ['d', 'b', 'a', 'e', 'c']) await registry.add({ id }, '@admin');
    const first = registry.list({ limit: 2 });
    expect(first).toMatchObject({ total: 5, next: 'b', devices: [{ id: 'a' }, { id: 'b' }] });
    await registry.remove('b', '@admin');
    await registry.add({ id: 'a0' }, '@admin');
    const second = registry.list({ limit: 2, after: first.next });
    expect(second.devices.map((device) => device.id)).toEqual(['c', 'd']);
    const third = registry.list({ limit: 2, after: second.next });
    expect(third.devices.map((device) => device.id)).toEqual(['e']);
    expect(third.next).toBeUndefined();
    expect(registry.list({ limit: 0 }).devices).toHaveLength(1);
    expect(registry.list({ limit: Number.NaN }).devices).toHaveLength(5);
  });

  it('filters by text, profile and parent, and counts what matches', async () => {
    await registry.add({ id: 'gw', gateway: true }, '@admin');
    for (const id of ['n3', 'n1', 'n2'])
      await registry.add({ id, parent: 'gw', name: `Node ${id}` }, '@admin');
    await registry.add({ id: 'x', profile: 'environment', name: 'Garten' }, '@admin');
    const ids = (query: Parameters<typeof registry.list>[0]): string[] =>
      registry.list(query).devices.map((device) => device.id);
    expect(ids({ parent: 'gw' })).toEqual(['n1', 'n2', 'n3']);
    expect(registry.list({ parent: 'gw', limit: 1 })).toMatchObject({ total: 3, next: 'n1' });
    expect(ids({ text: 'NODE' })).toEqual(['n1', 'n2', 'n3']);
    expect(registry.list({ text: 'node', limit: 2 })).toMatchObject({ total: 3, next: 'n2' });
    expect(ids({ text: 'node', after: 'n2' })).toEqual(['n3']);
    expect(ids({ text: 'gart', profile: 'environment' })).toEqual(['x']);
    expect(ids({ parent: 'nobody' })).toEqual([]);
  });

  it('goes on when a listener throws', async () => {
    const seen: string[] = [];
    registry.onChange(() => {
      throw new Error('listener bug');
    });
    const off = registry.onChange((change) => seen.push(change.kind));
    expect(codeOf(await registry.add({ id: 'a' }, '@admin'))).toBe('ok');
    expect(codeOf(await registry.remove('a', '@admin'))).toBe('ok');
    off();
    await registry.add({ id: 'b' }, '@admin');
    expect(seen).toEqual(['device-put', 'device-removed']);
  });
});
