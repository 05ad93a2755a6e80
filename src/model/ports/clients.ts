import type { Principal } from './security.ts';

export interface ClientQuery {
  /** Part of the client id or of the name of its principal; any case. */
  readonly text?: string | undefined;
  /** Only those with a connection, or only those without. */
  readonly connected?: boolean | undefined;
  /** Ids greater than this one: the cursor of the page before. */
  readonly after?: number | undefined;
  readonly limit?: number | undefined;
}

/** One MQTT session: a client that is connected, or one whose state is kept until it comes back. */
export interface Client {
  /** The server's own, never given twice: client ids are any text, and each principal has its own. */
  readonly id: number;
  readonly clientId: string;
  readonly principal: Pick<Principal, 'kind' | 'id'>;
  readonly connected: boolean;
  /** What is known of the connection; absent while there is none. Times are milliseconds since the epoch. */
  readonly connection?:
    | {
        readonly version: '3.1' | '3.1.1' | '5.0';
        readonly listener: string;
        readonly address: string;
        readonly openedAt: number;
        /** 0 = none. */
        readonly keepAliveS: number;
      }
    | undefined;
  readonly createdAt: number;
  readonly disconnectedAt?: number | undefined;
  /** When it ends if its client does not come back; absent while connected. */
  readonly expiresAt?: number | undefined;
  /** How long it is kept without a connection; 0 = not at all. */
  readonly sessionExpiryS: number;
  readonly subscriptionCount: number;
  /** Messages that wait in the log for it, and what they take there. */
  readonly waiting: number;
  readonly waitingBytes: number;
  /** Sent to it and not acknowledged. */
  readonly inFlight: number;
  /** QoS 2 messages of its own that are not released yet. */
  readonly unreleased: number;
  readonly hasWill: boolean;
}

export interface ClientSubscription {
  /** As subscribed, `$share/{group}/…` included. */
  readonly filter: string;
  readonly group?: string | undefined;
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** Subscription identifier. */
  readonly identifier?: number | undefined;
}

export interface ClientDetail extends Client {
  readonly subscriptions: readonly ClientSubscription[];
}

export interface ClientPage {
  readonly clients: readonly Client[];
  /** Of all there are, whatever was asked for. */
  readonly total: number;
  readonly connected: number;
  /** `after` of the next page. */
  readonly next?: number | undefined;
}

/** The MQTT clients there are. */
export interface ClientDirectory {
  /** In the order of ids. */
  list(query: ClientQuery): ClientPage;
  get(id: number): ClientDetail | undefined;
  /**
   * Ends the connection (version 5 is told: 0x98, administrative action); `end` forgets the session, too, and resolves
   * when that is on disk. False: there is no such client.
   */
  disconnect(id: number, options: { readonly end: boolean; readonly by: string }): Promise<boolean>;
}

/** Where MQTT is off. */
export const noClients: ClientDirectory = {
  list: () => ({ clients: [], total: 0, connected: 0 }),
  get: () => undefined,
  disconnect: () => Promise.resolve(false),
};
