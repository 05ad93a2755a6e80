/** A twin as it is stored, and what a change makes of it. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { JsonObject, Twin, TwinDocument, TwinOrigin, TwinPart } from '../../model/twin.ts';
import { leavesOf, missingFrom } from './merge-patch.ts';

export type StoredTwin = Readonly<Record<TwinPart, TwinDocument>>;

const NOTHING: TwinDocument = { version: 0, properties: {}, metadata: {} };
export const EMPTY_TWIN: StoredTwin = { desired: NOTHING, reported: NOTHING };

/** The same part with other properties; values that stay keep their time and origin. */
export function withProperties(
  { version, properties: before, metadata: known }: TwinDocument,
  properties: JsonObject,
  origin: TwinOrigin,
): TwinDocument {
  const old = new Map(leavesOf(before));
  const metadata: Record<string, TwinOrigin> = {};
  for (const [pointer, value] of leavesOf(properties)) {
    const stays = old.has(pointer) && isDeepStrictEqual(old.get(pointer), value);
    metadata[pointer] = (stays ? known[pointer] : undefined) ?? origin;
  }
  return { version: version + 1, properties, metadata };
}

/** What of desired the device has not reported yet; undefined = nothing. */
export const deltaOf = ({ desired, reported }: StoredTwin): JsonObject | undefined =>
  missingFrom(reported.properties, desired.properties);

export const twinOf = (device: string, stored: StoredTwin): Twin => {
  const delta = deltaOf(stored);
  return { device, ...stored, ...(delta === undefined ? {} : { delta }) };
};
