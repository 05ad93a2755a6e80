import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { TOKEN_MAX_CHARS } from '../../base/limits.ts';
import { type DeviceId, isDeviceId } from '../../model/ids.ts';

/**
 * Device tokens: `sdt.{device id, base64url}.{256 random bits, base64url}`. The id stands in the token so that a bearer
 * needs nothing beside it; the prefix lets secret scanners and our own log filter know one when they see it.
 */
const PREFIX = 'sdt.';
const SECRET_BYTES = 32;
const FORM = /^sdt\.([A-Za-z0-9_-]{2,172})\.([A-Za-z0-9_-]{43})$/;

export const looksLikeDeviceToken = (token: string): boolean => token.startsWith(PREFIX);

export function newDeviceToken(device: DeviceId): string {
  return `${PREFIX}${Buffer.from(device).toString('base64url')}.${randomBytes(SECRET_BYTES).toString('base64url')}`;
}

/** Whose token this says it is; undefined when it is not the one spelling that `newDeviceToken` gives. */
export function deviceOfToken(token: string): DeviceId | undefined {
  if (token.length > TOKEN_MAX_CHARS) return undefined;
  const encoded = FORM.exec(token)?.[1];
  if (encoded === undefined) return undefined;
  const id = Buffer.from(encoded, 'base64url').toString('latin1');
  if (!isDeviceId(id)) return undefined;
  return Buffer.from(id).toString('base64url') === encoded ? id : undefined;
}

/**
 * What is kept of a token. The secret has 256 bits of its own, so a keyed hash is enough (and 5,000 connects a second
 * leave no time for more); the key keeps a stolen state file from confirming a guess.
 */
export const hashDeviceToken = (key: Uint8Array, token: string): Buffer =>
  createHmac('sha256', key).update(token).digest();

/** In constant time over all of them: the time does not tell which one, or how close. */
export function matchesAny(hash: Buffer, known: readonly Uint8Array[]): boolean {
  let found = false;
  for (const candidate of known) {
    const same = candidate.byteLength === hash.byteLength && timingSafeEqual(candidate, hash);
    found = same || found;
  }
  return found;
}
