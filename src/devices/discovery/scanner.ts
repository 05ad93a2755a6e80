/**
 * What discovery asks of a scanner. A scanner finds; it keeps nothing about what it found, decides nothing, and never
 * throws into the void: what it lacks (hardware, rights, a package) is its condition.
 */
import type { ScannerCondition, Sighting } from '../../model/discovery.ts';

/** Takes what was seen; never throws, never waits. Beyond its rate it drops and counts. */
export type SightingSink = (sighting: Sighting) => void;

export interface Scanner {
  /** A label of metrics and the word of the configuration: `mdns`, `usb`, `bluetooth`. */
  readonly name: string;
  /** From the end of one `scan` to the next, ms; at least DISCOVERY_TICK_MS. */
  readonly paceMs: number;
  /**
   * Begins to listen: sightings may come at any time from now on until `stop` has resolved. Returns the condition;
   * "unavailable" is looked at again with back-off. A throw counts as unavailable with its message.
   */
  start(sink: SightingSink): Promise<ScannerCondition>;
  /**
   * One active look (a query, a poll), at `paceMs`. Given up at the abort of `signal`, at the latest after
   * DISCOVERY_SCAN_MAX_MS; a throw or an overrun stops the scanner, which is started again with back-off. Event-driven
   * scanners do nothing here. May answer "unavailable" where its hardware has gone meanwhile.
   */
  scan(signal: AbortSignal): Promise<ScannerCondition>;
  /** Idempotent; releases every socket, handle and timer. Bounded by DISCOVERY_STOP_MAX_MS. */
  stop(): Promise<void>;
}

export const RUNNING: ScannerCondition = { state: 'running' };
export const unavailable = (reason: string): ScannerCondition => ({ state: 'unavailable', reason });

/** A sighting with what is left out filled in. */
export const sighting = (
  seen: Pick<Sighting, 'scanner' | 'identifiers' | 'evidence' | 'ts'> & Partial<Sighting>,
): Sighting => ({ names: [], services: [], attributes: {}, ...seen });
