import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { SCRAM_ITERATIONS } from '../../base/limits.ts';

/**
 * The arithmetic of SCRAM-SHA-256 (RFC 5802, section 3; RFC 7677): what is kept of a secret, and what is made of it in one
 * exchange. Pure: it knows neither devices nor messages.
 */
export interface ScramKeys {
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

const KEY_BYTES = 32;
const derive = promisify(pbkdf2);

/** On a thread of the pool (~1 ms). The secret must need no SASLprep; a device token is ASCII. */
export async function deriveScramKeys(secret: string, salt: Uint8Array): Promise<ScramKeys> {
  const salted = await derive(secret, salt, SCRAM_ITERATIONS, KEY_BYTES, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  return { storedKey: sha256(clientKey), serverKey: hmac(salted, 'Server Key') };
}

/**
 * Which of the keys the client has proven to know; undefined = none. In constant time over all of them: the time does not
 * tell which one, or how close.
 */
export function provenKeys(
  known: readonly ScramKeys[],
  proof: Uint8Array,
  authMessage: string,
): ScramKeys | undefined {
  let proven: ScramKeys | undefined;
  for (const keys of known) {
    const clientKey = xor(proof, hmac(keys.storedKey, authMessage));
    if (timingSafeEqual(sha256(clientKey), keys.storedKey)) proven = keys;
  }
  return proven;
}

export const serverSignature = (keys: ScramKeys, authMessage: string): Buffer =>
  hmac(keys.serverKey, authMessage);

export const hmac = (key: Uint8Array, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

const xor = (left: Uint8Array, right: Uint8Array): Uint8Array =>
  left.map((byte, index) => byte ^ (right[index] ?? 0));
