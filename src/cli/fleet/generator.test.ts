import { describe, expect, it } from 'vitest';
import { type MessageKind, SimulatedDevice } from './generator.ts';

const START = 1_790_000_000_000;
const shares = { late: 0.02, duplicate: 0.01, malformed: 0.005 };

const messages = (count: number, over: Partial<ConstructorParameters<typeof SimulatedDevice>[0]> = {}) => {
  const device = new SimulatedDevice({ seed: 42, index: 0, ...shares, ...over });
  return Array.from({ length: count }, (_, i) => device.next(START + i * 50));
};

const parse = (payload: string) => JSON.parse(payload) as { ts: number; values: Record<string, number> };

describe('a simulated device', () => {
  it('says the same for the same seed, index and times', () => {
    expect(messages(500)).toEqual(messages(500));
  });

  it('differs from its neighbour and from another seed', () => {
    const first = messages(1).map(({ payload }) => payload);
    expect(messages(1, { index: 1 }).map(({ payload }) => payload)).not.toEqual(first);
    expect(messages(1, { seed: 43 }).map(({ payload }) => payload)).not.toEqual(first);
  });

  it('keeps the stated shares of faults', () => {
    const count = 100_000;
    const seen: Record<MessageKind, number> = { regular: 0, late: 0, duplicate: 0, malformed: 0 };
    for (const { kind } of messages(count)) seen[kind] += 1;
    // Four standard deviations of a binomial count.
    const near = (share: number) => 4 * Math.sqrt(count * share * (1 - share));
    for (const kind of ['late', 'duplicate', 'malformed'] as const) {
      expect(Math.abs(seen[kind] - count * shares[kind])).toBeLessThan(near(shares[kind]));
    }
  });

  it('gives every regular message a time of its own, even when asked twice in a millisecond', () => {
    const device = new SimulatedDevice({ seed: 1, index: 0, late: 0, duplicate: 0, malformed: 0 });
    const times = Array.from({ length: 10 }, () => parse(device.next(START).payload).ts);
    expect(new Set(times).size).toBe(10);
  });

  it('sends late messages with a time between a second and an hour ago', () => {
    const late = messages(5_000, { late: 1, duplicate: 0, malformed: 0 });
    for (const [i, { kind, payload }] of late.entries()) {
      expect(kind).toBe('late');
      const age = START + i * 50 - parse(payload).ts;
      expect(age).toBeGreaterThanOrEqual(1_000);
      expect(age).toBeLessThanOrEqual(3_600_001);
    }
  });

  it('repeats the message before, byte for byte', () => {
    const sent = messages(2_000, { late: 0, duplicate: 0.3, malformed: 0 });
    let previous = '';
    for (const { kind, payload } of sent) {
      if (kind === 'duplicate') expect(payload).toBe(previous);
      previous = payload;
    }
    expect(sent.some(({ kind }) => kind === 'duplicate')).toBe(true);
  });

  it('never makes a malformed message that a strict server could take', () => {
    const sent = messages(3_000, { late: 0, duplicate: 0, malformed: 1 });
    for (const [i, { payload }] of sent.entries()) expect(isRefusable(payload, START + i * 50)).toBe(true);
    expect(new Set(sent.map(({ payload }) => payload.slice(0, 8))).size).toBeGreaterThan(4);
  });

  it('keeps values plausible over a year', () => {
    const device = new SimulatedDevice({ seed: 3, index: 9, late: 0, duplicate: 0, malformed: 0 });
    for (let day = 0; day < 365; day += 0.37) {
      const { values } = parse(device.next(START + day * 86_400_000).payload);
      expect(values['temperature']).toBeGreaterThan(-5);
      expect(values['temperature']).toBeLessThan(45);
      expect(values['humidity']).toBeGreaterThanOrEqual(5);
      expect(values['humidity']).toBeLessThanOrEqual(98);
      expect(values['battery']).toBeGreaterThanOrEqual(5);
      expect(values['battery']).toBeLessThanOrEqual(100);
      expect(values['co2']).toBeGreaterThanOrEqual(400);
    }
  });

  it('is warmer in the afternoon than in the night', () => {
    const noon = Date.UTC(2026, 5, 10, 15);
    const mean = (from: number) => {
      const device = new SimulatedDevice({ seed: 5, index: 2, late: 0, duplicate: 0, malformed: 0 });
      const all = Array.from({ length: 60 }, (_, i) => parse(device.next(from + i * 60_000).payload).values);
      return all.reduce((sum, { temperature = 0 }) => sum + temperature, 0) / all.length;
    };
    expect(mean(noon)).toBeGreaterThan(mean(noon + 12 * 3_600_000) + 1);
  });
});

/** Not JSON, no object, no numeric value, or a time days ahead: nothing of it can be stored. */
function isRefusable(payload: string, nowMs: number): boolean {
  let value: unknown;
  try {
    value = JSON.parse(payload);
  } catch {
    return true;
  }
  if (typeof value !== 'object' || value === null) return true;
  const { ts, values } = value as { ts?: number; values?: Record<string, unknown> };
  if (ts !== undefined && ts > nowMs + 86_400_000) return true;
  return Object.values(values ?? {}).every((item) => item === null);
}
