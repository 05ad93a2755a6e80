/**
 * An advertisement as a radio hands it over, and what a decoder makes of one of its parts. Knows the shapes only:
 * no radio, no format.
 */
import type { Result } from '../../../base/result.ts';
import type { Identifiers, ProfileHint } from '../../../model/discovery.ts';
import { problem, type SensoriumError } from '../../../model/errors.ts';
import type { ReadingValue } from '../../../model/reading.ts';

export interface Advertisement {
  /** `aa:bb:cc:dd:ee:ff`, any case. */
  readonly address: string;
  readonly addressType: 'public' | 'random' | 'unknown';
  readonly name?: string | undefined;
  readonly rssiDbm?: number | undefined;
  readonly txPowerDbm?: number | undefined;
  /** Company identifier, and what follows it. */
  readonly manufacturerData: readonly CompanyData[];
  readonly serviceData: readonly ServiceData[];
  /** Lower case: 4 hexadecimal digits where the Bluetooth SIG assigned it, else 32. */
  readonly serviceUuids: readonly string[];
}

export interface CompanyData {
  readonly company: number;
  readonly data: Uint8Array;
}

interface ServiceData {
  /** As in `serviceUuids`. */
  readonly uuid: string;
  readonly data: Uint8Array;
}

export interface BroadcastReading {
  readonly metric: string;
  readonly value: ReadingValue;
  /** UCUM. */
  readonly unit?: string | undefined;
}

/** One part of an advertisement, understood. */
export interface Decoded {
  /** For people: "RuuviTag data format 5". */
  readonly label: string;
  /** Of the thing that sends, where the format has them. */
  readonly identifiers?: Identifiers | undefined;
  readonly manufacturer?: string | undefined;
  readonly model?: string | undefined;
  /** Keys are those of the format, with its name before them. */
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly readings: readonly BroadcastReading[];
  readonly hints: readonly ProfileHint[];
  /** The sender's counter: the same number again is the same measurement again. */
  readonly sequence?: number | undefined;
  /** Something happened (a button): the same bytes again do not say that it happened again. */
  readonly isEvent?: boolean | undefined;
}

/** Nothing in it that the format knows, but nothing wrong with it either. */
export const NOT_OURS = undefined;

/**
 * Reads one part; never throws and never reads beyond the end. `undefined` where the bytes are of another format that
 * lives under the same number; 'discovery.payload_refused' where they claim to be of this one and are not.
 */
export type Decoder = (data: Uint8Array) => Result<Decoded, SensoriumError> | undefined;

export const refusedPayload = (format: string, why: string): SensoriumError =>
  problem('discovery.payload_refused', `${format}: ${why}`);
