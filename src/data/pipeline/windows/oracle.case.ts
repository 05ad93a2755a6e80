import type { WindowDefinition } from '../../../model/windows.ts';

/**
 * Windows of one series computed the slow, plain way: every rule of `WindowSet` by walking over all readings. Knows
 * nothing of commits, clocks and bounds.
 */

export type OracleReading = readonly [ts: number, value: number];

export interface OracleWindow {
  readonly start: number;
  readonly end: number;
  readonly readings: readonly OracleReading[];
}

interface Oracle {
  readonly windows: readonly OracleWindow[];
  readonly late: number;
  readonly watermark: number;
}

export function oracleOf(definition: WindowDefinition, readings: readonly OracleReading[]): Oracle {
  switch (definition.kind) {
    case 'tumbling':
    case 'hopping':
      return aligned(definition, readings);
    case 'sliding':
      return sliding(definition, readings);
    case 'session':
      return sessions(definition, readings);
  }
}

interface Growing {
  start: number;
  end: number;
  readings: OracleReading[];
}

function aligned(definition: WindowDefinition, readings: readonly OracleReading[]): Oracle {
  const { sizeMs, advanceMs, offsetMs, latenessMs } = definition;
  const windows = new Map<number, Growing>();
  let late = 0;
  const watermark = eachReading(definition, readings, (reading, before) => {
    const [ts] = reading;
    let taken = 0;
    for (let index = Math.floor((ts - sizeMs - offsetMs) / advanceMs); ; index += 1) {
      const start = index * advanceMs + offsetMs;
      if (start > ts) break;
      if (ts >= start + sizeMs || start + sizeMs + latenessMs <= before) continue;
      const window = windows.get(start) ?? { start, end: start + sizeMs, readings: [] };
      window.readings.push(reading);
      windows.set(start, window);
      taken += 1;
    }
    if (taken === 0) late += 1;
  });
  return { windows: [...windows.values()], late, watermark };
}

function sliding(definition: WindowDefinition, readings: readonly OracleReading[]): Oracle {
  const { sizeMs, latenessMs } = definition;
  const windows = new Map<number, Growing>();
  const kept: OracleReading[] = [];
  let late = 0;
  const watermark = eachReading(definition, readings, (reading, before) => {
    const [ts] = reading;
    const isOpen = (end: number): boolean => end + latenessMs > before;
    const open = [...windows.values()].filter(({ start, end }) => ts >= start && ts < end && isOpen(end));
    if (open.length === 0 && !isOpen(ts + 1)) {
      late += 1;
      return;
    }
    kept.push(reading);
    for (const window of open) window.readings.push(reading);
    if (windows.has(ts) || !isOpen(ts + 1)) return;
    const start = ts - sizeMs + 1;
    const within = kept.filter(([other]) => other >= start && other <= ts);
    windows.set(ts, { start, end: ts + 1, readings: within });
  });
  return { windows: [...windows.values()], late, watermark };
}

function sessions(definition: WindowDefinition, readings: readonly OracleReading[]): Oracle {
  const { latenessMs } = definition;
  const over: Growing[] = [];
  let open: Growing[] = [];
  let late = 0;
  const watermark = eachReading(definition, readings, (reading, before) => {
    const isOver = ({ end }: Growing): boolean => end + latenessMs <= before;
    over.push(...open.filter(isOver));
    open = open.filter((session) => !isOver(session));
    const next = split(definition, [...open.flatMap((session) => session.readings), reading]);
    const own = next.find((session) => session.readings.includes(reading));
    // No session begins within one that is over.
    const isWithin = over.some(({ end }) => reading[0] < end);
    if (own === undefined || isOver(own) || isWithin) late += 1;
    else open = next;
  });
  return { windows: [...over, ...open], late, watermark };
}

function split({ gapMs, sizeMs }: WindowDefinition, readings: readonly OracleReading[]): Growing[] {
  const found: Growing[] = [];
  for (const reading of readings.toSorted((a, b) => a[0] - b[0])) {
    const [ts] = reading;
    const cut = (Math.floor(ts / sizeMs) + 1) * sizeMs;
    const session = found.at(-1);
    const last = session?.readings.at(-1)?.[0] ?? 0;
    if (session !== undefined && ts - last < gapMs && ts < cut && session.start >= cut - sizeMs) {
      session.readings.push(reading);
      session.end = Math.min(ts + gapMs, cut);
    } else {
      found.push({ start: ts, end: Math.min(ts + gapMs, cut), readings: [reading] });
    }
  }
  return found;
}

/** Returns the watermark after the last reading. */
function eachReading(
  { delayMs }: WindowDefinition,
  readings: readonly OracleReading[],
  take: (reading: OracleReading, watermark: number) => void,
): number {
  let newest = Number.NEGATIVE_INFINITY;
  for (const reading of readings) {
    take(reading, newest - delayMs);
    newest = Math.max(newest, reading[0]);
  }
  return newest - delayMs;
}

/** Linear between neighbours. */
export function exactQuantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = q * (sorted.length - 1);
  const below = sorted[Math.floor(rank)] ?? Number.NaN;
  const above = sorted[Math.ceil(rank)] ?? Number.NaN;
  return below + (above - below) * (rank - Math.floor(rank));
}
