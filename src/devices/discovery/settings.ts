/** What the configuration says of discovery: the words, and what each may be. Reading a file is the system's. */

/** Every scanner there is, in the order of their reports. */
export const SCANNER_NAMES = ['mdns', 'ssdp', 'neighbours', 'probe', 'modbus', 'usb', 'bluetooth'] as const;
export type ScannerName = (typeof SCANNER_NAMES)[number];

/** What a candidate must be like; everything that is given must fit. Texts are globs (`*`, `?`), case ignored. */
export interface WatcherMatch {
  readonly scanner?: string | undefined;
  readonly service?: string | undefined;
  readonly name?: string | undefined;
  readonly manufacturer?: string | undefined;
  readonly model?: string | undefined;
  readonly mac?: string | undefined;
  /** One of its addresses lies in this range (CIDR). */
  readonly address?: string | undefined;
}

/** Admits what matches, as it comes. */
export interface WatcherSettings {
  readonly name: string;
  readonly match: WatcherMatch;
  /** Absent: what is suggested. */
  readonly profile?: string | undefined;
  readonly parent?: string | undefined;
}

export interface DiscoverySettings {
  readonly scanners: readonly ScannerName[];
  /** The only addresses that are asked without having announced themselves (CIDR). */
  readonly ranges: readonly string[];
  readonly watchers: readonly WatcherSettings[];
}

export const DISCOVERY_OFF: DiscoverySettings = { scanners: [], ranges: [], watchers: [] };
