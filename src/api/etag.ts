import { err, ok, type Result } from '../base/result.ts';
import { InvalidRequest } from '../communication/http/problem.ts';
import type { SensoriumError } from '../model/errors.ts';

export const etagOf = (device: { readonly version: number }): string => `"${device.version}"`;

/** `If-Match` (RFC 9110, section 13.1.1) as the version it names; undefined = any. */
export function versionFrom(ifMatch: string | undefined): Result<number | undefined, SensoriumError> {
  if (ifMatch === undefined || ifMatch.trim() === '*') return ok(undefined);
  const match = /^(?:W\/)?"(\d{1,15})"$/.exec(ifMatch.trim());
  if (match?.[1] !== undefined) return ok(Number(match[1]));
  return err(new InvalidRequest([{ field: 'header.if-match', message: 'must be one ETag as given, or *' }]));
}

/** `If-None-Match`: true when the client has this version already. */
export const isKnown = (ifNoneMatch: string | undefined, etag: string): boolean =>
  ifNoneMatch !== undefined && ifNoneMatch.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
