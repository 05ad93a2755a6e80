import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatDuration,
  readDurationMs,
  readInteger,
  readShare,
  readSpeed,
  readTimeMs,
} from './values.ts';

describe('amounts on the command line', () => {
  it.each([
    ['500ms', 500],
    ['1.5s', 1_500],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['10', undefined],
    ['1 hour', undefined],
    ['-1h', undefined],
    ['', undefined],
  ])('duration %j is %j', (text, ms) => {
    expect(readDurationMs(text)).toBe(ms);
  });

  it.each([
    ['1000x', 1_000],
    ['0.5', 0.5],
    ['max', Number.POSITIVE_INFINITY],
    ['0x', undefined],
    ['0', undefined],
    ['-1x', undefined],
    ['fast', undefined],
  ])('speed %j is %j', (text, speed) => {
    expect(readSpeed(text)).toBe(speed);
  });

  it('times are absolute, or before now', () => {
    expect(readTimeMs('now', 5_000)).toBe(5_000);
    expect(readTimeMs('-2s', 5_000)).toBe(3_000);
    expect(readTimeMs('2026-01-01', 0)).toBe(Date.UTC(2026, 0, 1));
    expect(readTimeMs('-2', 0)).toBeUndefined();
  });

  it('whole numbers and shares have bounds', () => {
    expect(readInteger('10_000', 1, 20_000)).toBe(10_000);
    expect(readInteger('1.5', 1, 9)).toBeUndefined();
    expect(readInteger('10', 1, 9)).toBeUndefined();
    expect(readShare('.25')).toBe(0.25);
    expect(readShare('1.01')).toBeUndefined();
    expect(readShare('5%')).toBeUndefined();
  });

  it('are written back short', () => {
    expect([0, 59_990, 61_000, 7_260_000, 86_400_000 * 5].map(formatDuration)).toEqual([
      '0 ms',
      '60.0 s',
      '1 min 1 s',
      '2 h 1 min',
      '5 days',
    ]);
    expect([0, 1_023, 1_536, 5 * 2 ** 40].map(formatBytes)).toEqual(['0 B', '1023 B', '1.5 KiB', '5.0 TiB']);
  });
});
