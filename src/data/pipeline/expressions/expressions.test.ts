import { describe, expect, it } from 'vitest';
import type { Profile } from '../../../model/profile.ts';
import { facts, NOW, packet, pipelineKit, telemetry } from '../../test-kit.ts';

function kitWith(metrics: Profile['metrics'], derived?: Profile['derived'], more: Partial<Profile> = {}) {
  const kit = pipelineKit();
  kit.known.putProfile({ id: 'p' as Profile['id'], version: 1, metrics, derived, ...more });
  kit.known.put(facts('d', { profile: 'p' }));
  return kit;
}

const number = { type: 'number' } as const;

describe('an expression of a metric', () => {
  it('gives the value that is stored, judged and looked at', () => {
    const kit = kitWith({
      t: { ...number, rename: 'temperature', expression: 'value * 1.8 + 32.0', unit: '[degF]', maximum: 100 },
    });
    kit.take(telemetry('d', { t: 20 }));
    kit.take(telemetry('d', { t: 50 }));
    expect(kit.stored()).toEqual([['d', 'temperature', NOW, 68]]);
    expect(kit.refused()).toEqual([['d', 0, 'reading.out_of_range']]);
    expect(kit.batch.quarantine[0]?.message).toBe('"t": 50 gives 122');
  });

  it('may make another type of what is sent', () => {
    const kit = kitWith({
      on: { type: 'boolean', sent: 'string', expression: 'value.lowerAscii() == "on"' },
      level: { type: 'integer', sent: 'boolean', expression: 'value ? 100 : 0' },
      t: { ...number, sent: 'string', expression: 'double(value.substring(0, value.indexOf(" ")))' },
    });
    kit.take(telemetry('d', { on: 'ON', level: true, t: '21.5 C' }));
    kit.take(telemetry('d', { on: true, level: 1, t: 'warm' }));
    expect(kit.stored()).toEqual([
      ['d', 'on', NOW, true],
      ['d', 'level', NOW, 100],
      ['d', 't', NOW, 21.5],
    ]);
    expect(kit.refused()).toEqual([
      ['d', 0, 'reading.type'],
      ['d', 0, 'reading.type'],
      ['d', 0, 'reading.expression'],
    ]);
  });

  it('knows the time, the device and the name that was sent', () => {
    const kit = kitWith({
      t: {
        ...number,
        expression: 'device == "d" && metric == "t" && ts.getFullYear() == 2026 ? value : -1.0',
      },
    });
    kit.take(telemetry('d', { t: 5 }));
    expect(kit.stored()).toEqual([['d', 't', NOW, 5]]);
  });

  it('that gives no value sets one reading aside, and the others of the packet go on', () => {
    const kit = kitWith({ a: { ...number, expression: '1.0 / value' }, b: number });
    kit.take(telemetry('d', [{ a: 0, b: 1 }, { a: 4 }]));
    expect(kit.stored()).toEqual([
      ['d', 'b', NOW, 1],
      ['d', 'a', NOW, 0.25],
    ]);
    expect(kit.refused()).toEqual([['d', 0, 'reading.expression']]);
    expect(kit.batch.quarantine[0]?.message).toBe('"a": 0 gives Infinity');
    expect(kit.batch).toMatchObject({ packets: 1, stored: 1, quarantined: 0 });
  });

  it('that is not good any more refuses its readings with the reason, and only those', () => {
    const kit = kitWith({ a: { ...number, expression: 'nonsense(value)' }, b: number });
    kit.take(telemetry('d', { a: 1, b: 2 }));
    expect(kit.stored()).toEqual([['d', 'b', NOW, 2]]);
    expect(kit.batch.quarantine[0]).toMatchObject({ code: 'reading.expression' });
    expect(kit.batch.quarantine[0]?.message).toContain('nonsense() is not available');
  });
});

describe('a derived metric', () => {
  const climate = { temperature: number, humidity: number };
  const sum = { comfort: { expression: 'temperature + 0.5 * humidity', unit: '1' } };

  it('is computed from what one packet says for one time', () => {
    const kit = kitWith(climate, sum);
    kit.take(telemetry('d', { temperature: 20, humidity: 40 }));
    kit.take(
      telemetry('d', [
        { ts: NOW - 1_000, values: { temperature: 10 } },
        { ts: NOW - 1_000, values: { humidity: 10 } },
        { ts: NOW - 500, values: { temperature: 30 } },
      ]),
    );
    const computed = kit.stored().filter((row) => (row as unknown[])[1] === 'comfort');
    expect(computed).toEqual([
      ['d', 'comfort', NOW, 40],
      ['d', 'comfort', NOW - 1_000, 15],
    ]);
    expect(kit.series.of('d', ['comfort'])).toMatchObject([{ unit: '1' }]);
  });

  it('is computed from SenML, whose records are values', () => {
    const kit = kitWith(climate, sum);
    const pack = [
      { n: 'temperature', v: 20 },
      { n: 'humidity', v: 40 },
      { n: 'temperature', v: 21, t: -5 },
    ];
    kit.take({ ...telemetry('d', JSON.stringify(pack)), format: 'senml+json' });
    expect(kit.stored()).toContainEqual(['d', 'comfort', NOW, 40]);
    expect(kit.stored()).toHaveLength(4);
  });

  it('takes each value once: the same metric again begins anew', () => {
    const kit = kitWith(climate, sum);
    kit.take(
      telemetry('d', [
        { temperature: 1, humidity: 2 },
        { temperature: 3, humidity: 4 },
      ]),
    );
    const computed = kit.stored().filter((row) => (row as unknown[])[1] === 'comfort');
    expect(computed.map((row) => (row as unknown[])[3])).toEqual([2, 5]);
  });

  it('sees stored values: scaled, renamed, computed, in the unit of the profile', () => {
    const kit = kitWith(
      {
        t: { ...number, rename: 'temperature', scale: 0.1, unit: 'Cel' },
        rh: { ...number, rename: 'outdoor humidity', expression: 'value * 100.0' },
        door: { type: 'boolean' },
      },
      {
        x: {
          inputs: { h: 'outdoor humidity' },
          expression: 'door ? temperature + h : 0.0',
        },
      },
    );
    kit.take(telemetry('d', { t: 200, rh: 0.5, door: true }));
    expect(kit.stored()).toContainEqual(['d', 'x', NOW, 70]);
    const before = kit.stored().length;
    const pack = [
      { n: 't', u: '[degF]', v: 680 },
      { n: 'rh', v: 0.5 },
      { n: 'door', vb: true },
    ];
    kit.take({ ...telemetry('d', JSON.stringify(pack)), format: 'senml+json' });
    expect(kit.stored()).toHaveLength(before + 3);
  });

  it('does without what is refused, and mixes nothing in its place', () => {
    const kit = kitWith({ temperature: { ...number, maximum: 50 }, humidity: number }, sum);
    kit.take(telemetry('d', [{ temperature: 99, humidity: 2 }, { temperature: 3 }]));
    expect(kit.stored().map((row) => (row as unknown[])[1])).toEqual(['humidity', 'temperature']);
    expect(kit.refused()).toEqual([['d', 0, 'reading.out_of_range']]);
  });

  it('has a range and a type of its own; where it is refused its inputs are stored all the same', () => {
    const kit = kitWith(climate, {
      ratio: { expression: 'temperature / humidity', maximum: 2 },
      whole: { type: 'integer', expression: 'temperature * humidity' },
      warm: { type: 'boolean', expression: 'temperature > 20.0' },
    });
    kit.take(telemetry('d', { temperature: 21, humidity: 0 }));
    kit.take(telemetry('d', { temperature: 9, humidity: 0.5 }));
    expect(kit.stored()).toEqual([
      ['d', 'temperature', NOW, 21],
      ['d', 'humidity', NOW, 0],
      ['d', 'whole', NOW, 0],
      ['d', 'warm', NOW, true],
      ['d', 'temperature', NOW, 9],
      ['d', 'humidity', NOW, 0.5],
      ['d', 'warm', NOW, false],
    ]);
    expect(kit.refused()).toEqual([
      ['d', 0, 'reading.expression'],
      ['d', 0, 'reading.out_of_range'],
      ['d', 0, 'reading.type'],
    ]);
  });

  it('is not sent as well', () => {
    const kit = kitWith(climate, sum);
    kit.take(telemetry('d', { comfort: 99 }));
    expect(kit.refused()).toEqual([['d', 0, 'reading.unknown_metric']]);
  });

  it('of one child is not mixed with those of another', () => {
    const kit = kitWith(climate, sum);
    kit.known.put(facts('gw', { gateway: true }));
    for (const id of ['c1', 'c2']) kit.known.put(facts(id, { profile: 'p', parent: 'gw' }));
    kit.take(packet('gw', 'v1/gw/children/c1/telemetry', '{"temperature":1}'));
    kit.take(packet('gw', 'v1/gw/children/c2/telemetry', '{"humidity":1}'));
    expect(kit.stored()).toHaveLength(2);
  });

  it('may be analyzed like any other', () => {
    const kit = kitWith(climate, { comfort: { ...sum.comfort, analysis: { range: { high: 10 } } } });
    kit.take(telemetry('d', { temperature: 20, humidity: 40 }));
    expect(kit.batch.findings.told).toMatchObject([{ detector: 'range', state: 'began', value: 40 }]);
  });
});
