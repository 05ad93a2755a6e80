import { describe, expect, it } from 'vitest';
import { READINGS_PER_PACKET_MAX } from '../../base/limits.ts';
import type { PayloadFormat } from '../../model/packet.ts';
import type { Profile } from '../../model/profile.ts';
import { facts, NOW, packet, pipelineKit, telemetry } from '../test-kit.ts';
import type { Stage } from './stage.ts';

/** What must not hurt anybody but its sender: each goes to the quarantine with a code, and the next packet is stored. */

const MILLION = 1_000_000;
const FIFTY_YEARS = 50 * 365.25 * 86_400_000;

function kitWith(profile: Partial<Profile>, extraStages: readonly Stage[] = []) {
  const kit = pipelineKit({ extraStages });
  kit.known.putProfile({ id: 'p' as Profile['id'], version: 1, metrics: {}, ...profile });
  kit.known.put(facts('bad', { profile: 'p' }));
  kit.known.put(facts('good'));
  return kit;
}

type Kit = ReturnType<typeof kitWith>;

function expectOthersUnaffected(kit: Kit): void {
  const before = kit.stored().length;
  kit.take(telemetry('good', { t: 1 }));
  expect(kit.stored().slice(before)).toEqual([['good', 't', NOW, 1]]);
  const { packets, stored, forwarded, quarantined } = kit.batch;
  expect(stored + forwarded + quarantined).toBe(packets);
}

describe('a packet of one million readings', () => {
  const long: readonly (readonly [PayloadFormat, () => string])[] = [
    ['json', () => `[${'{"t":1},'.repeat(MILLION - 1)}{"t":1}]`],
    ['ndjson', () => '{"t":1}\n'.repeat(MILLION)],
    ['csv', () => `ts,t\n${`${NOW},1\n`.repeat(MILLION)}`],
    ['senml+json', () => `[${'{"n":"t","v":1},'.repeat(MILLION - 1)}{"n":"t","v":1}]`],
    ['json', () => `{"values":{${Array.from({ length: MILLION }, (_, at) => `"m${at}":1`).join(',')}}}`],
  ];
  it.each(long)('of %s is refused as a whole', (format, payload) => {
    const kit = kitWith({});
    kit.take({ ...packet('bad', 'v1/bad/telemetry', payload()), format });
    expect(kit.refused()).toEqual([['bad', -1, 'payload.too_many']]);
    expect(kit.stored()).toEqual([]);
    expect(kit.series.of('bad')).toEqual([]);
    expectOthersUnaffected(kit);
  });

  it('may not be made by deriving a hundred metrics from each value', () => {
    const metric = { type: 'number' } as const;
    const derived = Object.fromEntries(
      Array.from({ length: 100 }, (_, at) => [`d${at}`, { expression: 't' }]),
    );
    const kit = kitWith({ metrics: { t: metric }, derived });
    kit.take(packet('bad', 'v1/bad/telemetry', `[${'{"t":1},'.repeat(9_999)}{"t":1}]`));
    expect(kit.stored()).toHaveLength(10_000 + READINGS_PER_PACKET_MAX);
    expect([...kit.batch.rejections]).toEqual([['payload.too_many', 1]]);
    expectOthersUnaffected(kit);
  });
});

describe('timestamps fifty years off', () => {
  it.each([
    [NOW - FIFTY_YEARS, 'reading.timestamp'],
    [NOW + FIFTY_YEARS, 'reading.future'],
    [new Date(NOW - FIFTY_YEARS).toISOString(), 'reading.timestamp'],
    [new Date(NOW + FIFTY_YEARS).toISOString(), 'reading.future'],
    [Math.floor(NOW / 1_000), 'reading.timestamp'],
  ])('%s is refused and moves neither windows nor findings', (ts, code) => {
    const kit = kitWith({
      metrics: { t: { type: 'number', analysis: { rate: { perSecond: 1 }, missing: { after: '1h' } } } },
    });
    kit.take(telemetry('bad', { ts: NOW - 2_000, values: { t: 1 } }));
    kit.take(telemetry('bad', { ts, values: { t: 1_000 } }));
    kit.take(telemetry('bad', { ts: NOW - 1_000, values: { t: 1 } }));
    expect(kit.refused()).toEqual([['bad', 0, code]]);
    expect(kit.stored()).toHaveLength(2);
    expect(kit.batch.findings.told).toEqual([]);
    expect(kit.batch.parts.size).toBe(1);
    expectOthersUnaffected(kit);
  });
});

describe('a profile that fits nothing', () => {
  it('refuses every reading with its reason', () => {
    const kit = kitWith({ metrics: { other: { type: 'string' } }, additionalMetrics: false });
    kit.take(telemetry('bad', { t: 1, other: 2 }));
    expect(kit.refused()).toEqual([
      ['bad', 0, 'reading.unknown_metric'],
      ['bad', 0, 'reading.type'],
    ]);
    expect(kit.batch).toMatchObject({ packets: 1, stored: 0, quarantined: 1 });
    expectOthersUnaffected(kit);
  });

  it('is the open one where it is not known', () => {
    const kit = kitWith({});
    kit.known.put(facts('bad', { profile: 'nowhere' }));
    kit.take(telemetry('bad', { t: 1 }));
    expect(kit.stored()).toEqual([['bad', 't', NOW, 1]]);
  });

  it('whose every expression fails refuses every reading, one by one', () => {
    const kit = kitWith({ metrics: { t: { type: 'number', expression: '1.0 / (value - value)' } } });
    kit.take(telemetry('bad', { t: 1, u: 2 }));
    expect(kit.stored()).toEqual([['bad', 'u', NOW, 2]]);
    expect(kit.refused()).toEqual([['bad', 0, 'reading.expression']]);
    expectOthersUnaffected(kit);
  });
});

describe('a stage that throws', () => {
  it('names the packet, which is set aside when it is taken again; nothing of it is left', () => {
    let isBroken = true;
    const kit = kitWith({}, [
      {
        name: 'transform',
        run: ({ record }) => {
          if (isBroken && record.origin === 'bad') throw new Error('boom');
        },
      },
    ]);
    expect(() => kit.take(telemetry('bad', { t: 1 }))).toThrow('transform: boom');
    isBroken = false;
    kit.batch.clear();
    expectOthersUnaffected(kit);
  });
});
