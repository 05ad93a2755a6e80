import { describe, expect, it } from 'vitest';
import { LatencyHistogram } from './latency.ts';
import { Pacer } from './pacer.ts';
import { Silence } from './silence.ts';

describe('the pacer', () => {
  it('issues the rate, however unevenly it is asked', () => {
    const pacer = new Pacer({ ratePerS: 1_000, catchUpMaxMs: 1_000 });
    let sent = 0;
    for (const elapsed of [3, 7, 100, 101, 550, 1_000]) {
      const due = pacer.due(elapsed);
      pacer.issued(due);
      sent += due;
    }
    expect(sent).toBe(1_000);
  });

  it('catches up on what could not be sent', () => {
    const pacer = new Pacer({ ratePerS: 100, catchUpMaxMs: 1_000 });
    pacer.issued(pacer.due(100) - 4);
    expect(pacer.due(110)).toBe(5);
  });

  it('writes off a debt beyond its bound instead of bursting', () => {
    const pacer = new Pacer({ ratePerS: 100, catchUpMaxMs: 1_000 });
    expect(pacer.due(10_000)).toBe(100);
    expect(pacer.writtenOff).toBe(900);
    pacer.issued(100);
    expect(pacer.due(10_010)).toBe(1);
    expect(pacer.writtenOff).toBe(900);
  });

  it('sends slower than one message a tick', () => {
    const pacer = new Pacer({ ratePerS: 1, catchUpMaxMs: 1_000 });
    expect(pacer.due(999)).toBe(0);
    expect(pacer.due(1_000)).toBe(1);
  });
});

describe('dropouts', () => {
  it('keep the stated share of the time', () => {
    let silent = 0;
    let asked = 0;
    for (let index = 0; index < 200; index += 1) {
      const silence = new Silence({ share: 0.1, seed: 11, index });
      for (let ms = 0; ms < 1_800_000; ms += 5_000) {
        asked += 1;
        if (silence.isSilent(ms)) silent += 1;
      }
    }
    expect(silent / asked).toBeGreaterThan(0.085);
    expect(silent / asked).toBeLessThan(0.115);
  });

  it('never happen with a share of 0', () => {
    const silence = new Silence({ share: 0, seed: 1, index: 1 });
    expect([0, 1e3, 1e9].some((ms) => silence.isSilent(ms))).toBe(false);
  });
});

describe('the latency histogram', () => {
  it('answers quantiles to the millisecond', () => {
    const histogram = new LatencyHistogram();
    expect(histogram.at(0.5)).toBeUndefined();
    for (let ms = 1; ms <= 100; ms += 1) histogram.record(ms);
    expect([0.5, 0.95, 0.99, 1].map((q) => histogram.at(q))).toEqual([50, 95, 99, 100]);
    histogram.record(1e9);
    expect(histogram.at(1)).toBe(10_000);
  });
});
