import { describe, expect, it } from 'vitest';
import { Progress } from './progress.ts';

function progress(isTTY: boolean) {
  const written: string[] = [];
  let now = 0;
  const sink = { isTTY, columns: 40, write: (chunk: string | Uint8Array) => written.push(String(chunk)) };
  const bar = new Progress({ sink, now: () => now });
  const at = (ms: number, share: number): void => {
    now = ms;
    bar.update(share, () => 'rows');
  };
  return { bar, at, written };
}

describe('progress', () => {
  it('redraws one line of a terminal, not more than ten times a second, and clears it', () => {
    const { bar, at, written } = progress(true);
    for (let ms = 0; ms < 1_000; ms += 1) at(ms, ms / 1_000);
    expect(written).toHaveLength(10);
    expect(written.every((line) => line.startsWith('\r') && !line.includes('\n'))).toBe(true);
    expect(written[5]).toContain(' 50%  rows');
    bar.end();
    expect(written.at(-1)).toBe('\r\u001b[K');
  });

  it('is a plain line every five seconds elsewhere, and silent for short work', () => {
    const { bar, at, written } = progress(false);
    for (let ms = 0; ms <= 11_000; ms += 100) at(ms, ms / 11_000);
    bar.end();
    expect(written).toEqual([' 45%  rows\n', ' 90%  rows\n']);
  });
});
