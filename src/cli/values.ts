import { TIME_UNITS_MS } from '../base/time-units.ts';
import type { ReadingValue } from '../model/reading.ts';
import { UsageError } from './io.ts';
import { parseInstant } from './replay/instant.ts';

/**
 * How people write amounts on a command line. Each reader answers undefined for what it does not understand;
 * the caller knows the name of the option and says it.
 */
/** "10s", "1.5h", "250ms" in milliseconds. A bare number is refused: nobody agrees on its unit. */
export function readDurationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(text.trim());
  const unit = TIME_UNITS_MS[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit;
}

/** "now", "-1h", ISO 8601 or epoch as milliseconds since the epoch. */
export function readTimeMs(text: string, nowMs: number): number | undefined {
  if (text === 'now') return nowMs;
  if (text.startsWith('-')) {
    const ago = readDurationMs(text.slice(1));
    return ago === undefined ? undefined : nowMs - ago;
  }
  return parseInstant(text);
}

/** "1000x", "0.5", "max" (Infinity). */
export function readSpeed(text: string): number | undefined {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const match = /^(\d+(?:\.\d+)?)x?$/i.exec(text.trim());
  const speed = match === null ? 0 : Number(match[1]);
  return speed > 0 ? speed : undefined;
}

/** Whole numbers between two bounds, digits grouped with _ or , if liked. */
export function readInteger(text: string, min: number, max: number): number | undefined {
  const plain = text.replaceAll(/[_,]/g, '');
  const value = /^-?\d+$/.test(plain) ? Number(plain) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

/** A share of a whole: 0 to 1. */
export function readShare(text: string): number | undefined {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= 0 && value <= 1 ? value : undefined;
}

/** `temperature=21.5`: a number if it looks like one, true and false, else text. Throws UsageError. */
export function readPair(text: string, what: string): readonly [string, ReadingValue] {
  const cut = text.indexOf('=');
  if (cut <= 0) throw new UsageError(`"${text}" is not ${what}=value`);
  const value = text.slice(cut + 1);
  if (value === 'true' || value === 'false') return [text.slice(0, cut), value === 'true'];
  const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value);
  return [text.slice(0, cut), isNumber ? Number(value) : value];
}

export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return '?';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`;
}

export const formatCount = (count: number): string => count.toLocaleString('en-US');

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const amount = bytes / 1_024 ** power;
  return `${power === 0 ? amount : amount.toFixed(1)} ${units[power]}`;
}
