/**
 * The words of discovery: what a scanner saw (a sighting), what became of it in the inbox (a candidate). Texts of a
 * sighting come from strangers; the inbox cleans and bounds them, scanners need not.
 */
import type { TopicPreset } from './device.ts';
import type { DeviceId } from './ids.ts';
import type { Reading } from './reading.ts';

/** What tells one thing from another. Where they agree, two sightings are of one device. */
export interface Identifiers {
  /** EUI-48 or EUI-64, any usual spelling; a Bluetooth address that changes at random is none. */
  readonly mac?: string | undefined;
  /** As the maker gave it; too short or obvious ones ("0000", "123456") are taken for none. */
  readonly serial?: string | undefined;
  readonly uuid?: string | undefined;
  /** Without a trailing dot: `shelly1-aabbcc.local`. */
  readonly hostName?: string | undefined;
  readonly ip?: string | undefined;
  /** Where nothing else lasts: a socket (`usb:1-1.4`), a unit behind an address (`modbus:10.0.0.3/7`). */
  readonly port?: string | undefined;
}

/** A reason to take a profile: of a scanner that knows more than the common rules. */
export interface ProfileHint {
  readonly profile: string;
  /** For people: "advertises RuuviTag data format 5". */
  readonly reason: string;
}

/** One thing seen once by one scanner. */
export interface Sighting {
  /** Name of the scanner. */
  readonly scanner: string;
  readonly identifiers: Identifiers;
  /** Best first. */
  readonly names: readonly string[];
  readonly manufacturer?: string | undefined;
  readonly model?: string | undefined;
  /** What it offers, in the words of its protocol: `_http._tcp`, `urn:…:device:Basic:1`, `usb:0403:6001`. */
  readonly services: readonly string[];
  /** Whatever else is worth knowing; small. */
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** dBm, where it came by radio. */
  readonly signalDbm?: number | undefined;
  /** One line for people: what was seen, and how. */
  readonly evidence: string;
  readonly hints?: readonly ProfileHint[] | undefined;
  /** Values it broadcast in the same breath. */
  readonly readings?: readonly Omit<Reading, 'device'>[] | undefined;
  /** Wall time, ms. */
  readonly ts: number;
}

export type ScannerCondition =
  | { readonly state: 'stopped' }
  | { readonly state: 'running' }
  /** `reason` for people: "no Bluetooth adapter". Not an error. */
  | { readonly state: 'unavailable'; readonly reason: string };

export const CANDIDATE_STATES = ['new', 'ignored', 'blocked', 'admitted'] as const;
export type CandidateState = (typeof CANDIDATE_STATES)[number];

/** What a candidate most probably is. */
export interface ProfileSuggestion {
  readonly profile: string;
  /** Topic preset, where its maker's topics are known. */
  readonly preset?: TopicPreset | undefined;
  readonly reasons: readonly string[];
}

export interface Evidence {
  readonly scanner: string;
  readonly text: string;
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  readonly count: number;
}

/** A thing found and not (yet) admitted: all sightings of one device in one. Times are wall time, ms. */
export interface Candidate {
  /** Stable while it is remembered, and over restarts once decided. */
  readonly id: string;
  readonly state: CandidateState;
  readonly name: string;
  readonly names: readonly string[];
  readonly manufacturer?: string | undefined;
  readonly model?: string | undefined;
  /** All values seen; the newest first. */
  readonly identifiers: Readonly<Partial<Record<keyof Identifiers, readonly string[]>>>;
  readonly services: readonly string[];
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly signalDbm?: number | undefined;
  readonly evidence: readonly Evidence[];
  readonly suggestion?: ProfileSuggestion | undefined;
  /** Another candidate claims one of its identifiers, and is not the same thing. */
  readonly conflicts: readonly string[];
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  /** Set when it is admitted. */
  readonly device?: DeviceId | undefined;
  /** Who decided (ignored, blocked, admitted), and when. */
  readonly decidedBy?: string | undefined;
  readonly decidedAt?: number | undefined;
}
