/** A row of a file of devices, as it was read. */

/** `fault`: why there is nothing to take from it. */
export interface DeviceRow {
  /** From 1. */
  readonly line: number;
  readonly input?: unknown;
  readonly fault?: string | undefined;
}
