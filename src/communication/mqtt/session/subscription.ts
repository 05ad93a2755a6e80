/** One subscription as a session holds it. */
export interface Subscription {
  /** As subscribed: `$share/{group}/{filter}` included. Its key within the session. */
  readonly name: string;
  /** What topics are matched with. */
  readonly filter: string;
  readonly group: string | undefined;
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** Subscription identifier; 0 = none. */
  readonly id: number;
  /** Messages from this log offset on. */
  readonly since: number;
}
