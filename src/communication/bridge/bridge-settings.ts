/** What a bridge is told: where the other server is, how to get in, and which topics cross. */
import type { Secret } from '../../base/secret.ts';

export const DIRECTIONS = ['in', 'out', 'both'] as const;

/** One row of the mapping, as a `topic` line of Mosquitto: the filter with a prefix on either side. */
export interface BridgeTopic {
  /** As seen from here: `out` to the other server, `in` from it. */
  readonly direction: (typeof DIRECTIONS)[number];
  readonly filter: string;
  readonly localPrefix: string;
  readonly remotePrefix: string;
  /** The most a message is forwarded with. */
  readonly qos: 0 | 1;
}

export interface BridgeSettings {
  /** Label of metrics, part of client ids. */
  readonly name: string;
  /** `mqtt:`, `mqtts:`, `ws:` or `wss:`, without credentials. */
  readonly url: string;
  readonly version: 4 | 5;
  /** Absent: one of its own, made once. */
  readonly clientId?: string | undefined;
  readonly username?: string | undefined;
  /** From the environment; a file is read at each connect, so that it can be renewed. */
  readonly password?: Secret | { readonly file: string } | undefined;
  /** PEM files: who is trusted instead of the usual authorities, and who we are. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly topics: readonly BridgeTopic[];
}
