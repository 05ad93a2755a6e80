/** What a table of normative statements holds; the tables and the tests meet by id, nothing else. */
export type Standard = 'v311' | 'v5';

export interface Statement {
  /** As the standard prints it, without brackets: `MQTT-3.1.0-1`. */
  readonly id: string;
  /** Whom it binds; `both` where client and server send or receive the same packet. */
  readonly subject: 'server' | 'client' | 'both';
  /** What it asks, in our own words. */
  readonly says: string;
  /** Why no test holds the server to it. A statement has this or a test, never neither. */
  readonly untested?: string;
}
