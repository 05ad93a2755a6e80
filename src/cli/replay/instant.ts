/**
 * Points in time as files and people write them. A date or time without a zone is taken as UTC, so that a file
 * plays the same everywhere; ambiguous forms (1/2/2012) are refused rather than guessed.
 */
const ISO =
  /^(\d{4})[-/](\d{2})[-/](\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d{2}:?\d{2})?)?$/i;
/** "Jan 1 2000", "March 3, 2012". */
const NAMED_MONTH = /^[A-Z][a-z]{2,8}\.? \d{1,2},? \d{4}$/;
const EPOCH = /^\d{9,19}(\.\d+)?$/;

/** Milliseconds since the epoch, or undefined. Epoch numbers tell their unit by their size: s, ms, µs or ns. */
export function parseInstant(text: string): number | undefined {
  const trimmed = text.trim();
  if (EPOCH.test(trimmed)) return epochMs(Number(trimmed));
  const iso = ISO.exec(trimmed);
  if (iso !== null) return isoMs(iso);
  if (NAMED_MONTH.test(trimmed)) {
    const parsed = Date.parse(`${trimmed} UTC`);
    return Number.isNaN(parsed) ? undefined : parsed;
  }
  return undefined;
}

function epochMs(value: number): number {
  if (value < 1e11) return Math.round(value * 1_000);
  if (value < 1e14) return Math.round(value);
  return Math.round(value < 1e17 ? value / 1e3 : value / 1e6);
}

function isoMs(parts: RegExpExecArray): number | undefined {
  const at = (index: number): number => Number(parts[index] ?? 0);
  const fraction = Math.floor(Number(`0.${parts[7] ?? 0}`) * 1_000);
  const ms = Date.UTC(at(1), at(2) - 1, at(3), at(4), at(5), at(6), fraction);
  const check = new Date(ms);
  // Date.UTC rolls over: February 30 must not become March 1.
  if (check.getUTCMonth() !== at(2) - 1 || check.getUTCDate() !== at(3)) return undefined;
  if (at(4) > 23 || at(5) > 59 || at(6) > 59) return undefined;
  return ms - zoneMs(parts[8]);
}

function zoneMs(zone: string | undefined): number {
  if (zone === undefined || /^z$/i.test(zone)) return 0;
  const digits = zone.replaceAll(/[^\d]/g, '');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}
