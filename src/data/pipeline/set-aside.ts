import type { Offset, PayloadFormat } from '../../model/packet.ts';

/** Which values of a packet were refused, where others of it are stored. */
export interface RefusedPart {
  /** One bit per call of the decoder, lowest first; set = not stored. */
  readonly bits: Uint8Array;
  /** The calls there were, and what they were about: the same again, or the bits mean nothing. */
  readonly calls: number;
  readonly trace: number;
}

/** A packet in the quarantine. */
export interface SetAside {
  readonly offset: Offset;
  readonly origin: string;
  readonly device: string;
  readonly topic: string;
  readonly receivedAt: number;
  readonly format: PayloadFormat;
  /** Others of its readings are in history. */
  readonly isStored: boolean;
  /** What refused it; empty and 0 where the device was not known. */
  readonly profile: string;
  readonly profileVersion: number;
  /** Refused values and items. */
  readonly refused: number;
  /** Of the payload. */
  readonly size: number;
  /** Absent where it is larger than what is kept. */
  readonly payload: Uint8Array | undefined;
  /** Absent = all of it. */
  readonly part: RefusedPart | undefined;
}
