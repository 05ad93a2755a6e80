import { describe, expect, it } from 'vitest';
import {
  CHILDREN_PER_GATEWAY_MAX,
  QUARANTINE_ROWS_PER_PACKET_MAX,
  SERIES_PER_DEVICE_MAX,
} from '../../base/limits.ts';
import type { Profile } from '../../model/profile.ts';
import { facts, NOW, packet, pipelineKit, telemetry } from '../test-kit.ts';
import { StageFault } from './pipeline.ts';

const profile = (metrics: Profile['metrics'], more: Partial<Profile> = {}): Profile => ({
  id: 'p' as Profile['id'],
  version: 1,
  metrics,
  ...more,
});

function kitWith(metrics: Profile['metrics'], more: Partial<Profile> = {}) {
  const kit = pipelineKit();
  kit.known.putProfile(profile(metrics, more));
  kit.known.put(facts('d', { profile: 'p' }));
  return kit;
}

function openKit() {
  const kit = pipelineKit();
  kit.known.put(facts('d'));
  return kit;
}

describe('values of a device without a profile', () => {
  it('keeps numbers, booleans and texts as they are, at the time given or received', () => {
    const kit = openKit();
    kit.take(telemetry('d', { t: 21.5, on: true, state: 'ok' }));
    kit.take(telemetry('d', [{ ts: NOW - 60_000, values: { t: -0.5, on: false } }]));
    expect(kit.stored()).toEqual([
      ['d', 't', NOW, 21.5],
      ['d', 'on', NOW, true],
      ['d', 't', NOW - 60_000, -0.5],
      ['d', 'on', NOW - 60_000, false],
      ['d', 'state', NOW, 'ok'],
    ]);
    expect(kit.batch).toMatchObject({ packets: 2, stored: 2, forwarded: 0, quarantined: 0 });
  });

  it('refuses bad values one by one and keeps the good ones beside them', () => {
    const kit = openKit();
    kit.take(
      telemetry('d', '{"a":1,"b":1e999,"c":null,"d":{"x":1},"e":[1],"__proto__":1,"constructor":2,"<b>":3}'),
    );
    expect(kit.stored()).toEqual([['d', 'a', NOW, 1]]);
    expect(kit.refused()).toEqual([
      ['d', 0, 'reading.not_finite'],
      ['d', 0, 'reading.type'],
      ['d', 0, 'reading.type'],
      ['d', 0, 'reading.type'],
      ['d', 0, 'reading.reserved_name'],
      ['d', 0, 'reading.reserved_name'],
      ['d', 0, 'reading.name'],
    ]);
    expect(kit.batch).toMatchObject({ packets: 1, stored: 1, quarantined: 0 });
    expect(Object.fromEntries(kit.batch.rejections)).toMatchObject({ 'reading.type': 3 });
  });

  it('refuses an item with a bad time once, whatever it has of values', () => {
    const kit = openKit();
    const fiftyYears = 50 * 365 * 86_400_000;
    kit.take(
      telemetry('d', [
        { ts: NOW - fiftyYears, values: { a: 1, b: 2 } },
        { ts: NOW + fiftyYears, values: { a: 1, b: 2 } },
        { ts: NOW, values: { a: 1, b: 2 } },
        { ts: 'soon', values: { a: 1, b: 2 } },
      ]),
    );
    expect(kit.refused()).toEqual([
      ['d', 0, 'reading.timestamp'],
      ['d', 1, 'reading.future'],
      ['d', 3, 'reading.timestamp'],
    ]);
    expect(kit.stored()).toHaveLength(2);
  });

  it('refuses text once a metric has been a number, but not numbers once it has been text', () => {
    const kit = openKit();
    kit.take(telemetry('d', { a: 'unknown' }));
    kit.take(telemetry('d', { a: 'still unknown' }));
    kit.take(telemetry('d', { a: 20 }));
    kit.take(telemetry('d', { a: '21' }));
    expect(kit.stored()).toEqual([
      ['d', 'a', NOW, 20],
      ['d', 'a', NOW, 'unknown'],
      ['d', 'a', NOW, 'still unknown'],
    ]);
    expect(kit.refused()).toEqual([['d', 0, 'reading.type']]);
  });

  it('keeps units of the sender apart and refuses units that are none', () => {
    const kit = openKit();
    const pack = [
      { n: 't', u: 'Cel', v: 20 },
      { n: 't', u: '[degF]', v: 68 },
      { n: 't', u: 'a\nb', v: 1 },
    ];
    kit.take({ ...telemetry('d', JSON.stringify(pack)), format: 'senml+json' });
    expect(kit.series.of('d').map(({ metric, unit }) => [metric, unit])).toEqual([
      ['t', 'Cel'],
      ['t', '[degF]'],
    ]);
    expect(kit.refused()).toEqual([['d', 2, 'reading.unit']]);
  });

  it('bounds the metrics of a device that makes them up', () => {
    const kit = openKit();
    for (let at = 0; at < SERIES_PER_DEVICE_MAX + 5; at += 1) kit.take(telemetry('d', { [`m${at}`]: at }));
    kit.take(telemetry('d', { m0: 1 }));
    expect(kit.series.of('d')).toHaveLength(SERIES_PER_DEVICE_MAX);
    expect(kit.batch.rejections.get('reading.too_many_metrics')).toBe(5);
    expect(kit.stored()).toHaveLength(SERIES_PER_DEVICE_MAX + 1);
  });

  it('bounds text', () => {
    const kit = openKit();
    kit.take(telemetry('d', { s: 'x'.repeat(4_096), l: 'x'.repeat(4_097) }));
    expect(kit.refused()).toEqual([['d', 0, 'reading.text_too_long']]);
    expect(kit.stored()).toHaveLength(1);
  });
});

describe('values of a device with a profile', () => {
  it('judges type, range and enum', () => {
    const kit = kitWith({
      t: { type: 'number', minimum: -40, maximum: 85 },
      n: { type: 'integer' },
      on: { type: 'boolean' },
      mode: { type: 'string', enum: ['auto', 'off'], maxLength: 4 },
    });
    kit.take(telemetry('d', { t: 85, n: 3, on: false, mode: 'off' }));
    kit.take(telemetry('d', { t: 85.1, n: 3.5, on: 1, mode: 'heat' }));
    kit.take(telemetry('d', { t: '20', n: true, on: 'true', mode: 1 }));
    kit.take(telemetry('d', { mode: 'automatic' }));
    expect(kit.stored()).toHaveLength(4);
    expect(kit.refused().map((row) => (row as string[])[2])).toEqual([
      'reading.out_of_range',
      'reading.type',
      'reading.type',
      'reading.out_of_range',
      'reading.type',
      'reading.type',
      'reading.type',
      'reading.type',
      'reading.text_too_long',
    ]);
    expect(kit.batch).toMatchObject({ packets: 4, stored: 1, quarantined: 3 });
  });

  it('scales, offsets, renames and names the unit; the range is that of the stored value', () => {
    const kit = kitWith({
      raw: { type: 'integer', scale: 0.5, offset: -10, rename: 'temperature', unit: 'Cel', maximum: 40 },
    });
    kit.take(telemetry('d', { raw: 100 }));
    kit.take(telemetry('d', { raw: 101 }));
    expect(kit.stored()).toEqual([['d', 'temperature', NOW, 40]]);
    expect(kit.series.of('d')).toMatchObject([{ metric: 'temperature', unit: 'Cel' }]);
    expect(kit.refused()).toEqual([['d', 0, 'reading.out_of_range']]);
  });

  it('refuses metrics that are not listed where the profile says so', () => {
    const kit = kitWith({ t: { type: 'number' } }, { additionalMetrics: false });
    kit.take(telemetry('d', { t: 1, u: 2 }));
    expect(kit.refused()).toEqual([['d', 0, 'reading.unknown_metric']]);
    expect(kit.stored()).toHaveLength(1);
  });

  it('follows a change of the profile from the next packet on', () => {
    const kit = kitWith({ t: { type: 'number', maximum: 10 } });
    kit.take(telemetry('d', { t: 20 }));
    kit.known.putProfile(profile({ t: { type: 'number', maximum: 30 } }));
    kit.take(telemetry('d', { t: 20 }));
    kit.known.put(facts('d'));
    kit.take(telemetry('d', { t: 200 }));
    expect(kit.stored()).toEqual([
      ['d', 't', NOW, 20],
      ['d', 't', NOW, 200],
    ]);
    expect(kit.series.of('d')).toHaveLength(1);
  });

  it('finds changes that are faster than plausible and stores them all the same', () => {
    const kit = kitWith({ t: { type: 'number', maxRatePerSecond: 1 } });
    const at = (seconds: number, t: number): void =>
      kit.take(telemetry('d', { ts: NOW - 60_000 + seconds * 1_000, values: { t } }));
    at(0, 20);
    at(10, 29);
    at(5, 99);
    at(11, 31);
    expect(kit.batch.findings.told).toMatchObject([{ detector: 'rate', state: 'began', value: 31 }]);
    expect(kit.stored()).toHaveLength(4);
  });
});

describe('topics', () => {
  it('forwards what carries no readings', () => {
    const kit = openKit();
    kit.take(packet('d', 'v1/d/commands/1/reply', '{}'));
    kit.take(packet('d', 'some/where/else', 'whatever'));
    kit.take(packet('@admin', 'v1/d/telemetry', '{"t":1}'));
    expect(kit.batch).toMatchObject({ packets: 3, forwarded: 3, stored: 0, quarantined: 0 });
    expect(kit.stored()).toEqual([]);
  });

  it('sets aside packets of unknown devices, of strangers and in no known shape', () => {
    const kit = openKit();
    kit.known.put(facts('e'));
    kit.take(telemetry('gone', { t: 1 }));
    kit.take(packet('d', 'v1/e/telemetry', '{"t":1}'));
    kit.take(telemetry('d', 'nonsense'));
    kit.take(telemetry('d', ''));
    kit.take(packet('d', 'v1/d/telemetry', Uint8Array.of(0xff, 0xfe)));
    kit.take(telemetry('d', '"x"'));
    expect(kit.refused()).toEqual([
      ['gone', -1, 'device.unknown'],
      ['d', -1, 'topic.unmapped'],
      ['d', -1, 'payload.not_json'],
      ['d', -1, 'payload.empty'],
      ['d', -1, 'payload.not_utf8'],
      ['d', -1, 'payload.shape'],
    ]);
    expect(kit.batch).toMatchObject({ packets: 6, quarantined: 6 });
  });

  it('forgets a device that was removed, and knows one that was added', () => {
    const kit = openKit();
    kit.take(telemetry('d', { t: 1 }));
    kit.known.remove('d');
    kit.take(telemetry('d', { t: 2 }));
    kit.known.put(facts('d'));
    kit.take(telemetry('d', { t: 3 }));
    expect(kit.stored().map((row) => (row as unknown[])[3])).toEqual([1, 3]);
  });

  it('hands on attributes, judged like metric names', () => {
    const kit = openKit();
    kit.take(packet('d', 'v1/d/attributes', '{"firmware":"1.2","site":{"room":4}}'));
    kit.take(packet('d', 'v1/d/attributes', '{"__proto__":{"x":1}}'));
    kit.take(packet('d', 'v1/d/attributes', '[1]'));
    expect(kit.batch.attributes).toEqual([{ device: 'd', values: { firmware: '1.2', site: { room: 4 } } }]);
    expect(kit.refused().map((row) => (row as string[])[2])).toEqual([
      'reading.reserved_name',
      'payload.shape',
    ]);
    expect(kit.batch).toMatchObject({ forwarded: 1, quarantined: 2 });
  });
});

describe('gateways', () => {
  const child = (id: string): string => `v1/gw/children/${id}/telemetry`;

  it('admits unknown children once and stores their readings under their own name', () => {
    const kit = pipelineKit();
    kit.known.put(facts('gw', { gateway: true }));
    kit.take(packet('gw', child('c1'), '{"t":1}'));
    kit.take(packet('gw', child('c1'), '{"t":2}'));
    kit.take(packet('gw', 'v1/gw/children/c1/attributes', '{"model":"x"}'));
    expect(kit.batch.children).toEqual([{ id: 'c1', parent: 'gw', name: 'c1' }]);
    expect(kit.batch.attributes).toEqual([{ device: 'c1', values: { model: 'x' } }]);
    expect(kit.stored()).toEqual([
      ['c1', 't', NOW, 1],
      ['c1', 't', NOW, 2],
    ]);
  });

  it('refuses children of others, bad names, and children of devices that are no gateways', () => {
    const kit = pipelineKit();
    kit.known.put(facts('gw', { gateway: true }));
    kit.known.put(facts('theirs', { parent: 'other' }));
    kit.known.put(facts('plain'));
    kit.known.put(facts('mine', { parent: 'plain' }));
    kit.take(packet('gw', child('theirs'), '{"t":1}'));
    kit.take(packet('gw', child('-bad-'), '{"t":1}'));
    kit.take(packet('plain', 'v1/plain/children/new/telemetry', '{"t":1}'));
    kit.take(packet('plain', 'v1/plain/children/mine/telemetry', '{"t":1}'));
    expect(kit.refused()).toEqual([
      ['theirs', -1, 'gateway.child_foreign'],
      ['gw', -1, 'device.id_invalid'],
      ['plain', -1, 'gateway.required'],
    ]);
    expect(kit.stored()).toEqual([['mine', 't', NOW, 1]]);
  });

  it('bounds the children of a gateway', () => {
    const kit = pipelineKit();
    kit.known.put(facts('gw', { gateway: true }));
    for (let at = 0; at < CHILDREN_PER_GATEWAY_MAX; at += 1) kit.known.put(facts(`k${at}`, { parent: 'gw' }));
    kit.take(packet('gw', child('one-more'), '{"t":1}'));
    kit.known.remove('k0');
    kit.take(packet('gw', child('one-more'), '{"t":1}'));
    expect(kit.refused()).toEqual([['gw', -1, 'gateway.too_many_children']]);
    expect(kit.stored()).toHaveLength(1);
  });

  it('reads foreign topics by the preset of the device', () => {
    const kit = pipelineKit();
    kit.known.put(facts('z2m', { preset: 'zigbee2mqtt' }));
    kit.take(packet('z2m', 'zigbee2mqtt/Living room/Lamp', '{"temperature":21.5,"linkquality":80}'));
    kit.take(packet('z2m', 'zigbee2mqtt/bridge/logging', '{"level":"info","message":"x"}'));
    expect(kit.stored()).toContainEqual(['Living_room.Lamp', 'temperature', NOW, 21.5]);
    expect(kit.batch.children).toMatchObject([{ id: 'Living_room.Lamp', parent: 'z2m' }]);
    expect(kit.batch).toMatchObject({ packets: 2, stored: 1, forwarded: 1 });
  });

  it('drops the values of a child it may not have, with one rejection', () => {
    const kit = pipelineKit();
    kit.known.put(facts('z2m', { preset: 'zigbee2mqtt' }));
    kit.known.put(facts('Lamp', { parent: 'other' }));
    kit.take(packet('z2m', 'zigbee2mqtt/Lamp', '{"temperature":21.5,"humidity":50}'));
    expect(kit.stored()).toEqual([]);
    expect(kit.refused()).toEqual([['z2m', 0, 'gateway.child_foreign']]);
  });
});

describe('the quarantine', () => {
  it('keeps a bounded number of rows per packet and counts them all', () => {
    const kit = openKit();
    const items = Array.from({ length: 1_000 }, () => ({ t: null }));
    kit.take(telemetry('d', items));
    expect(kit.batch.quarantine).toHaveLength(QUARANTINE_ROWS_PER_PACKET_MAX);
    expect(kit.batch.rejections.get('reading.type')).toBe(1_000);
    expect(kit.batch).toMatchObject({ packets: 1, quarantined: 1, stored: 0 });
  });

  it('has no row for what a sender was told, but for what only history could tell', () => {
    const kit = openKit();
    kit.take(telemetry('d', { t: 1 }));
    kit.take({ ...telemetry('d', [{ t: null }, { t: '2' }, { t: 3 }]), checked: true });
    expect(kit.refused()).toEqual([['d', 1, 'reading.type']]);
  });

  it('shows the beginning of the payload as printable text', () => {
    const kit = openKit();
    kit.take(packet('d', 'v1/d/telemetry', Buffer.from(`{"a\u0007": \u00e9 ${'x'.repeat(500)}`)));
    const [row] = kit.batch.quarantine;
    expect(row?.sample).toMatch(/^\{"a\uFFFD": é x+$/);
    expect(row?.sample.length).toBeLessThanOrEqual(256);
  });
});

describe('a bug in a stage', () => {
  it('of validation sets one packet aside and goes on', () => {
    const kit = openKit();
    kit.take(telemetry('d', { t: 1 }));
    const cursed = telemetry('d', { t: 2 });
    let isRead = false;
    Object.defineProperty(cursed, 'format', {
      get: () => {
        if (isRead) return 'auto';
        isRead = true;
        throw new Error('boom');
      },
    });
    kit.take(cursed);
    kit.take(telemetry('d', { t: 3 }));
    expect(kit.stored().map((row) => (row as unknown[])[3])).toEqual([1, 3]);
    expect(kit.refused()).toEqual([['d', -1, 'internal']]);
    expect(kit.bugs).toHaveLength(1);
  });

  it('of a later stage condemns the packet, so that the batch can be built again without it', () => {
    const kit = pipelineKit({
      extraStages: [
        {
          name: 'aggregate',
          run: ({ batch }) => {
            if (batch.numbers.value[batch.numbers.size - 1] === 13) throw new Error('boom');
          },
        },
      ],
    });
    kit.known.put(facts('d'));
    let fault: unknown;
    try {
      kit.take(telemetry('d', { t: 13 }));
    } catch (cause) {
      fault = cause;
    }
    expect(fault).toBeInstanceOf(StageFault);
    expect(fault).toMatchObject({ offset: 0, message: 'aggregate: boom' });
  });
});
