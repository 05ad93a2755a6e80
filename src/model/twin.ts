/**
 * The twin of a device: what it is wished to be (desired) and what it says it is (reported), as two JSON objects. Owns the
 * words; the rules are in `devices/twin`.
 */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

export const TWIN_PARTS = ['desired', 'reported'] as const;
export type TwinPart = (typeof TWIN_PARTS)[number];

/** Since when a property has its value, in milliseconds since the epoch, and who gave it: `user:admin`, `device:d1`. */
export interface TwinOrigin {
  readonly at: number;
  readonly by: string;
}

export interface TwinDocument {
  /** 0 = nothing was ever said; raised by each change; the ETag of the part. */
  readonly version: number;
  readonly properties: JsonObject;
  /** By JSON pointer (RFC 6901) of each value that is no object. */
  readonly metadata: Readonly<Record<string, TwinOrigin>>;
}

export interface Twin {
  readonly device: string;
  readonly desired: TwinDocument;
  readonly reported: TwinDocument;
  /** What of desired is not reported yet; absent = all is as desired. */
  readonly delta?: JsonObject | undefined;
}

/** One change of one part, as merge patch (RFC 7396). */
export interface TwinChange extends TwinOrigin {
  readonly part: TwinPart;
  readonly version: number;
  /** Absent: it is longer than the history keeps. */
  readonly patch?: JsonObject | undefined;
}
