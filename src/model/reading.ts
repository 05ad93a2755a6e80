import type { ErrorCode } from './errors.ts';
import type { DeviceId } from './ids.ts';

export type ReadingValue = number | boolean | string;

/** One measured value. */
export interface Reading {
  readonly device: DeviceId;
  readonly metric: string;
  /** Event time, milliseconds since the epoch. */
  readonly ts: number;
  readonly value: ReadingValue;
  /** As the sender gave it or as the profile says; absent when neither does. */
  readonly unit?: string | undefined;
}

/** What was refused of a packet, and why. `index` counts the items of the packet from 0. */
export interface Rejection {
  readonly index: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** Width of the windows that history keeps. */
export const WINDOW_MS = 60_000;
/** Width of what minutes are rolled up to. */
export const HOUR_MS = 3_600_000;
