import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TWIN_DOCUMENT_MAX_BYTES, TWIN_HISTORY_MAX, TWIN_PROPERTIES_MAX } from '../../base/limits.ts';
import { problem } from '../../model/errors.ts';
import type { DeviceId } from '../../model/ids.ts';
import type { JsonObject } from '../../model/twin.ts';
import { mergePatch, missingFrom } from './merge-patch.ts';
import { TwinWorld } from './test-world.ts';

function worldWith(...devices: string[]): TwinWorld {
  const world = new TwinWorld();
  for (const id of devices) world.registry.add(id);
  return world;
}
const DESIRED = 'v1/d/twin/desired';

describe('a twin', () => {
  it('has versions, and for each value since when it is so and by whom', async () => {
    await using world = worldWith('d');
    expect(world.twin('d')).toEqual({
      device: 'd',
      desired: { version: 0, properties: {}, metadata: {} },
      reported: { version: 0, properties: {}, metadata: {} },
    });
    const first = world.clock.now();
    await world.wish('d', { interval: 10, net: { ssid: 'a' } });
    world.clock.advance(1_000);
    await world.wish('d', { interval: 10, net: { channel: 6 } }, { by: 'user:eve' });
    await world.reports('d', { interval: 10 });
    expect(world.twin('d')).toEqual({
      device: 'd',
      desired: {
        version: 2,
        properties: { interval: 10, net: { ssid: 'a', channel: 6 } },
        metadata: {
          '/interval': { at: first, by: 'user:admin' },
          '/net/ssid': { at: first, by: 'user:admin' },
          '/net/channel': { at: first + 1_000, by: 'user:eve' },
        },
      },
      reported: {
        version: 1,
        properties: { interval: 10 },
        metadata: { '/interval': { at: first + 1_000, by: 'device:d' } },
      },
      delta: { net: { ssid: 'a', channel: 6 } },
    });
  });

  it('is replaced as a whole, and properties go by null', async () => {
    await using world = worldWith('d');
    await world.wish('d', { a: 1, b: { c: 2, d: 3 } });
    await world.wish('d', { b: { c: null } });
    expect(world.twin('d').desired.properties).toEqual({ a: 1, b: { d: 3 } });
    await world.wish('d', { e: 1, gone: null }, { how: 'replace' });
    expect(world.twin('d').desired.properties).toEqual({ e: 1 });
    expect(Object.keys(world.twin('d').desired.metadata)).toEqual(['/e']);
  });

  it('keeps its version when nothing changes', async () => {
    await using world = worldWith('d');
    await world.wish('d', { a: 1 });
    await world.wish('d', { a: 1, b: null });
    await world.reports('d', { on: true });
    await world.reports('d', { on: true });
    expect([world.twin('d').desired.version, world.twin('d').reported.version]).toEqual([1, 1]);
    expect(world.events).toHaveLength(2);
  });

  it('refuses an edit that was based on another version, of that part only', async () => {
    await using world = worldWith('d');
    await world.wish('d', { a: 1 }, { version: 0 });
    expect(await world.fault('d', { a: 2 }, { version: 0 })).toBe('twin.version_conflict');
    await world.reports('d', { on: true });
    expect(await world.fault('d', { a: 2 }, { version: 1 })).toBe('none');
  });

  it('lets one of many edits of the same version win', async () => {
    await using world = worldWith('d');
    const faults = await Promise.all([1, 2, 3, 4].map((a) => world.fault('d', { a }, { version: 0 })));
    expect(faults.toSorted()).toEqual(['none', ...Array(3).fill('twin.version_conflict')]);
    expect(world.twin('d').desired.version).toBe(1);
  });

  it('shows only what is on disk, and builds on what is on its way there', async () => {
    await using world = worldWith('d');
    const edits = [world.wish('d', { a: 1 }), world.wish('d', { b: 2 }), world.wish('d', { c: 3 })];
    expect(world.twin('d').desired.version).toBe(0);
    await Promise.all(edits);
    expect(world.twin('d').desired).toMatchObject({ version: 3, properties: { a: 1, b: 2, c: 3 } });
  });

  it('tells a device and a person the truth when the disk refuses, and goes on from what is on disk', async () => {
    await using world = worldWith('d');
    await world.wish('d', { a: 1 });
    world.state.writeFault = problem('disk.full', 'full');
    const fault = world.fault('d', { a: 2 });
    const same = world.fault('d', { a: 2 });
    const report = expect(world.reports('d', { on: true })).rejects.toMatchObject({ code: 'disk.full' });
    expect([await fault, await same]).toEqual(['disk.full', 'disk.full']);
    await report;
    expect(world.service.faults).toEqual(['twins cannot be stored: full']);
    world.state.writeFault = undefined;
    await world.wish('d', { b: 2 });
    expect(world.twin('d')).toMatchObject({
      desired: { version: 2, properties: { a: 1, b: 2 } },
      reported: { version: 0 },
    });
    expect(world.service.faults).toEqual([]);
  });

  it('refuses what is no document, or too much of one', async () => {
    await using world = worldWith('d');
    const deep = JSON.parse(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`) as JsonObject;
    const many = Object.fromEntries(Array.from({ length: TWIN_PROPERTIES_MAX + 1 }, (_, i) => [`p${i}`, i]));
    const wrong: readonly JsonObject[] = [
      deep,
      many,
      { a: 'x'.repeat(TWIN_DOCUMENT_MAX_BYTES) },
      JSON.parse('{"__proto__":{"polluted":true}}') as JsonObject,
      { constructor: { prototype: 1 } },
      { '': 1 },
      { '\u202Eevil': 1 },
      { ['k'.repeat(200)]: 1 },
      { a: '\ud800' },
      [1] as unknown as JsonObject,
    ];
    for (const properties of wrong) expect(await world.fault('d', properties)).toBe('twin.invalid');
    expect(await world.fault('nobody', {})).toBe('device.unknown');
    await world.wish('d', Object.fromEntries(Object.entries(many).slice(0, TWIN_PROPERTIES_MAX)));
    expect(await world.fault('d', { more: 1 })).toBe('twin.invalid');
    expect({}).not.toHaveProperty('polluted');
  });

  it('keeps the last changes of each part, youngest first', async () => {
    await using world = worldWith('d');
    for (let a = 1; a <= TWIN_HISTORY_MAX + 5; a += 1) await world.wish('d', { a });
    await world.wish('d', { long: 'x'.repeat(5_000) });
    await world.reports('d', { on: true });
    const history = world.service.history('d', 'desired');
    if (!history.ok) throw history.error;
    expect(history.value).toHaveLength(TWIN_HISTORY_MAX);
    expect(history.value[0]).toEqual({
      part: 'desired',
      version: TWIN_HISTORY_MAX + 6,
      at: world.clock.now(),
      by: 'user:admin',
    });
    expect(history.value[1]).toMatchObject({ patch: { a: TWIN_HISTORY_MAX + 5 } });
    expect(world.service.history('d', 'reported')).toMatchObject({ value: [{ patch: { on: true } }] });
  });

  it('goes with its device', async () => {
    await using world = worldWith('d', 'd2');
    await world.wish('d', { a: 1 });
    await world.wish('d2', { a: 1 });
    world.registry.remove('d');
    expect(world.service.get('d').ok).toBe(false);
    await world.service.stop();
    world.registry.add('d');
    expect(world.twin('d').desired.version).toBe(0);
    expect(world.service.history('d', 'desired')).toEqual({ ok: true, value: [] });
    expect(world.twin('d2').desired.version).toBe(1);
  });
});

describe('a device hears what is desired', () => {
  it('at once where it is connected, and only what it has not reported', async () => {
    await using world = worldWith('d');
    world.link('d', true);
    await world.reports('d', { interval: 5, on: true });
    await world.wish('d', { interval: 10, on: true });
    expect(world.sent).toEqual([`${DESIRED} {"version":1,"desired":{"interval":10}}`]);
    expect(world.published[0]?.qos).toBe(1);
    await world.reports('d', { interval: 10 });
    expect(world.events.at(-1)).toMatchObject({ part: 'reported', by: 'device:d', settled: true });
    expect(world.twin('d').delta).toBeUndefined();
  });

  it('when it comes back, each time, until it has reported it; also after a restart', async () => {
    await using world = worldWith('d');
    await world.wish('d', { interval: 10 });
    expect(world.sent).toEqual([]);
    world.link('d', true);
    expect(world.sent).toHaveLength(1);
    world.link('d', false);
    world.link('d', true);
    expect(world.sent).toHaveLength(2);
    await world.restart();
    world.link('d', true);
    expect(world.sent).toHaveLength(3);
    await world.reports('d', { interval: 10 });
    world.link('d', false);
    world.link('d', true);
    await world.restart();
    world.link('d', true);
    expect(world.sent).toHaveLength(3);
  });

  it('when it subscribes, if that is what it subscribes to', async () => {
    await using world = worldWith('d');
    await world.wish('d', { interval: 10 });
    world.link('d', true);
    world.listens('d', 'v1/d/commands/#');
    expect(world.sent).toHaveLength(1);
    world.listens('d');
    expect(world.sent).toHaveLength(2);
  });

  it('through its gateway, unless it has a connection of its own', async () => {
    await using world = worldWith('other');
    world.registry.add('g', { gateway: true });
    for (const id of ['c1', 'c2']) world.registry.add(id, { parent: 'g' as DeviceId });
    await world.wish('c1', { a: 1 });
    world.link('g', true);
    world.listens('g', 'v1/g/children/c1/twin/desired');
    await world.wish('c2', { b: 2 });
    world.link('c2', true);
    expect(world.sent).toEqual([
      'v1/g/children/c1/twin/desired {"version":1,"desired":{"a":1}}',
      'v1/g/children/c1/twin/desired {"version":1,"desired":{"a":1}}',
      'v1/g/children/c2/twin/desired {"version":1,"desired":{"b":2}}',
      'v1/c2/twin/desired {"version":1,"desired":{"b":2}}',
    ]);
    await world.reports('g', { a: 1 }, 'v1/g/children/c1/twin/reported');
    expect(world.twin('c1')).toMatchObject({
      reported: { metadata: { '/a': { by: 'device:g' } } },
    });
    expect(world.twin('c1').delta).toBeUndefined();
  });

  it('again soon, where the log did not take it', async () => {
    await using world = worldWith('d');
    world.link('d', true);
    world.refusal = problem('log.congested', 'behind');
    await world.wish('d', { a: 1 });
    world.refusal = undefined;
    expect(world.sent).toEqual([]);
    await expect.poll(() => world.sent.length, { timeout: 5_000 }).toBe(1);
  });
});

describe('reports', () => {
  it('of strangers, of nobody, and of what is no object are refused, and do not end the connection', async () => {
    await using world = worldWith('d', 'eve');
    world.registry.add('g', { gateway: true });
    await world.reports('eve', { a: 1 }, 'v1/d/twin/reported');
    await world.reports('g', { a: 1 }, 'v1/g/children/d/twin/reported');
    await world.reports('nobody', { a: 1 });
    for (const payload of ['', 'null', '[1]', '7', '{"a":', '{"a":1}'.padEnd(TWIN_DOCUMENT_MAX_BYTES + 1)])
      await world.reports('d', payload);
    await world.reports('d', { '\u202Eevil': 1 });
    for (const id of ['d', 'eve', 'g']) expect(world.twin(id).reported.version).toBe(0);
    await world.reports('@admin', { a: 1 }, 'v1/d/twin/reported');
    expect(world.twin('d').reported.metadata).toMatchObject({ '/a': { by: 'user:admin' } });
  });
});

describe('a twin against a model', () => {
  const patch = fc.dictionary(
    fc.constantFrom('a', 'b', 'c'),
    fc.constantFrom(null, 1, 2, { x: 1 }, { x: null }),
    {
      maxKeys: 3,
    },
  ) as fc.Arbitrary<JsonObject>;
  const step = fc.oneof(
    fc.record({ wish: patch }),
    fc.record({ report: patch }),
    fc.record({ link: fc.boolean() }),
    fc.record({ restart: fc.constant(true) }),
    fc.record({ obey: fc.constant(true) }),
  );

  it('ends with a device that has done all that is desired, once it obeys the last it heard', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        await using world = worldWith('d');
        let desired: JsonObject = {};
        let reported: JsonObject = {};
        const obey = async (): Promise<void> => {
          const last = world.published.at(-1);
          if (last === undefined) return;
          const heard = JSON.parse(last.payload.toString()) as { readonly desired: JsonObject };
          reported = mergePatch(reported, heard.desired);
          await world.reports('d', heard.desired);
        };
        for (const each of steps) {
          if ('wish' in each) {
            desired = mergePatch(desired, each.wish);
            await world.wish('d', each.wish);
          } else if ('report' in each) {
            reported = mergePatch(reported, each.report);
            await world.reports('d', each.report);
          } else if ('link' in each) world.link('d', each.link);
          else if ('restart' in each) await world.restart();
          else await obey();
        }
        world.link('d', false);
        world.published.length = 0;
        world.link('d', true);
        await obey();
        const twin = world.twin('d');
        expect(twin.desired.properties).toEqual(desired);
        expect(twin.reported.properties).toEqual(reported);
        expect(missingFrom(reported, desired)).toBeUndefined();
        expect(twin.delta).toBeUndefined();
      }),
      { numRuns: 60, seed: 9 },
    );
  });
});
