import { FUTURE_TOLERANCE_MS } from '../../base/limits.ts';
import type { Random } from '../../base/random.ts';

type Fault = (payload: string, nowMs: number, random: Random) => string;

/** Half a message, as a reset in the middle of a write leaves it. */
const truncated: Fault = (payload, _nowMs, random) =>
  payload.slice(0, 1 + Math.floor(random.next() * (payload.length - 1)));

/** A debug print on the wrong channel. */
const prose: Fault = () => 'temperature: 21.5';

const bareNumber: Fault = () => '21.5';

/** A firmware that prints floats without looking. */
const notFinite: Fault = (payload) => payload.replace(/"temperature":[^,]+/, '"temperature":nan');

/** A sensor bus that gives nothing back. */
const nothing: Fault = (payload) =>
  payload.replaceAll(/":-?\d+(\.\d+)?([,}])/g, '":null$2').replace('"ts":null,', '');

/** A clock days ahead. */
const future: Fault = (payload, nowMs) =>
  payload.replace(/"ts":\d+/, `"ts":${Math.floor(nowMs) + 3 * FUTURE_TOLERANCE_MS}`);

const FAULTS: readonly Fault[] = [truncated, prose, bareNumber, notFinite, nothing, future];

/** A well-formed message turned into one that must be refused as a whole. */
export function malform(payload: string, nowMs: number, random: Random): string {
  const fault = FAULTS[Math.floor(random.next() * FAULTS.length)] ?? truncated;
  return fault(payload, nowMs, random);
}
