/** Units of durations as people write them, in milliseconds. */
export const TIME_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** "10s", "1m", "1h", "1d", "500ms", or milliseconds; undefined where it is none of these, or not positive. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,15})(ms|s|m|h|d|w)?$/.exec(text);
  if (match?.[1] === undefined) return undefined;
  const ms = Number(match[1]) * (TIME_UNITS_MS[match[2] ?? 'ms'] ?? 1);
  return ms > 0 && Number.isSafeInteger(ms) ? ms : undefined;
}
