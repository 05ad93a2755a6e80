import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { formatBytes, formatCount, formatDuration } from '../values.ts';
import type { Finding } from './finding.ts';

const NODE_MIN_MAJOR = 24;
/** A fleet of 20,000 connections is the limit of the server; below this a small one already strains. */
const DESCRIPTORS_WANTED = 4_096;
/** The server idles below 130 MiB; history queries need room above it. */
const MEMORY_WANTED_BYTES = 256 * 1_048_576;
const SKEW_TOLERATED_MS = 5_000;
/** A clock before the release of this version is not set. */
const CLOCK_MIN_MS = Date.UTC(2025, 0, 1);

export function nodeCheck(version: string): Finding {
  const good = Number(version.split('.')[0]) >= NODE_MIN_MAJOR;
  if (good) return { check: 'node', status: 'ok', detail: version };
  const cure = `Use Node ${NODE_MIN_MAJOR} or newer; npm start brings it along.`;
  return { check: 'node', status: 'fail', detail: version, cure };
}

export function memoryCheck(free = availableBytes(), total = totalmem()): Finding {
  const detail = `${formatBytes(free)} of ${formatBytes(total)} available`;
  if (free >= MEMORY_WANTED_BYTES) return { check: 'memory', status: 'ok', detail };
  return { check: 'memory', status: 'warn', detail, cure: 'Free some memory, or give the machine more.' };
}

/** `free` counts the page cache as used; Linux knows better. */
function availableBytes(): number {
  const match = /^MemAvailable:\s+(\d+) kB/m.exec(readProc('meminfo'));
  return match === null ? freemem() : Number(match[1]) * 1_024;
}

/** Open files of the server if it runs here, else of this shell. */
export function descriptorCheck(pid: number | undefined): Finding {
  const match = /^Max open files\s+(\d+|unlimited)\s+(\d+|unlimited)/m.exec(
    readProc(`${pid ?? 'self'}/limits`),
  );
  const check = 'open files';
  if (match === null) return { check, status: 'ok', detail: 'no limit found on this platform' };
  // Node raises the soft limit to the hard one when it starts.
  const hard = match[2] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(match[2]);
  const detail = Number.isFinite(hard) ? `${formatCount(hard)} allowed` : 'unlimited';
  if (hard >= DESCRIPTORS_WANTED) return { check, status: 'ok', detail };
  const cure = `Raise it (ulimit -n ${DESCRIPTORS_WANTED}, or LimitNOFILE= of the service): one per connection.`;
  return { check, status: 'warn', detail, cure };
}

/** Our clock against the server's Date header (whole seconds, RFC 9110 section 6.6.1). */
export function clockCheck(date: string | null, nowMs: number): Finding {
  const check = 'clock';
  const cure = 'Set it by NTP (timedatectl set-ntp true): readings are ordered by time.';
  if (nowMs < CLOCK_MIN_MS) return { check, status: 'fail', detail: new Date(nowMs).toISOString(), cure };
  const skewMs = date === null ? 0 : Math.abs(nowMs - Date.parse(date));
  if (skewMs <= SKEW_TOLERATED_MS) return { check, status: 'ok', detail: new Date(nowMs).toISOString() };
  const detail = `this machine and the server are ${formatDuration(skewMs)} apart`;
  return { check, status: 'warn', detail, cure };
}

function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
}
