import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { DEVICE_TOKENS_MAX } from '../../base/limits.ts';
import type { Device } from '../../model/device.ts';
import { problem } from '../../model/errors.ts';
import type { DeviceId } from '../../model/ids.ts';
import type { Registry } from '../../model/ports/registry.ts';
import type { StateTable } from '../../model/ports/state.ts';
import { deriveScramKeys, hmac, type ScramKeys } from '../scram/scram-keys.ts';
import { hashDeviceToken, matchesAny, newDeviceToken } from '../token/device-token.ts';

interface StoredToken {
  readonly hash: string;
  readonly createdAt: number;
  /** Missing where the token was issued before there was SCRAM. */
  readonly scram?: { readonly storedKey: string; readonly serverKey: string };
}

/** The tokens of one device as they are kept. */
export interface StoredCredentials {
  /** Of the device they were given to: a device that was removed and added again has none of its old tokens. */
  readonly deviceCreatedAt: number;
  readonly tokens: readonly StoredToken[];
}

interface DeviceCredentialsOptions {
  readonly table: StateTable<StoredCredentials>;
  readonly key: Uint8Array;
  readonly registry: Pick<Registry, 'get'>;
  readonly clock: Clock;
}

type KnownDevice = Pick<Device, 'id' | 'createdAt'>;

const SALT_BYTES = 16;

/**
 * Device tokens as keyed hashes, and the keys by which SCRAM knows them. Promises that a token is valid only once it is on disk, and is refused from the moment
 * its revocation begins. Reads straight from the table: a lookup there costs less than the hash.
 */
export class DeviceCredentials {
  readonly #table: StateTable<StoredCredentials>;
  readonly #key: Uint8Array;
  readonly #saltKey: Uint8Array;
  readonly #registry: Pick<Registry, 'get'>;
  readonly #clock: Clock;
  /** What the table will say once the writes on their way are through; null = revoked. */
  readonly #pending = new Map<string, StoredCredentials | null>();

  constructor({ table, key, registry, clock }: DeviceCredentialsOptions) {
    this.#table = table;
    this.#key = key;
    this.#saltKey = hmac(key, 'SCRAM salt');
    this.#registry = registry;
    this.#clock = clock;
  }

  /** `device` undefined: no such device; takes as long as a wrong token. */
  verify(device: KnownDevice | undefined, token: string): boolean {
    const hash = hashDeviceToken(this.#key, token);
    const known = device === undefined ? undefined : this.#of(device);
    return matchesAny(hash, known?.tokens.map((entry) => Buffer.from(entry.hash, 'base64')) ?? []);
  }

  /**
   * The salt of a name, whether anybody has it or not: made from the installation's key, so that it tells nothing and
   * needs no place. One salt for all tokens of a device, as SCRAM shows it before it knows which token will be proven.
   */
  scramSalt(name: string): Uint8Array {
    return hmac(this.#saltKey, name).subarray(0, SALT_BYTES);
  }

  /** Never empty: in the place of keys that are not there stand some that nobody can prove, at the same cost. */
  scramKeys(device: KnownDevice | undefined): readonly ScramKeys[] {
    const tokens = device === undefined ? [] : (this.#of(device)?.tokens ?? []);
    const keys = tokens.flatMap(({ scram }) => (scram === undefined ? [] : [fromStored(scram)]));
    return keys.length === 0 ? [{ storedKey: randomBytes(32), serverKey: randomBytes(32) }] : keys;
  }

  /** Why SCRAM may fail for a device whose token is right. */
  scramHint(device: KnownDevice | undefined): string | undefined {
    const tokens = device === undefined ? [] : (this.#of(device)?.tokens ?? []);
    const isOld = tokens.some(({ scram }) => scram === undefined);
    return isOld ? 'it has a token from before SCRAM-SHA-256, which needs a new one: issue it' : undefined;
  }

  /** Throws device.unknown, device.too_many_tokens. */
  async issue(id: DeviceId): Promise<string> {
    this.#roomFor(id);
    const token = newDeviceToken(id);
    const { storedKey, serverKey } = await deriveScramKeys(token, this.scramSalt(id));
    // Looked at anew: while the keys were made, the device may have gone, or got other tokens.
    const { deviceCreatedAt, tokens } = this.#roomFor(id);
    const issued: StoredToken = {
      hash: hashDeviceToken(this.#key, token).toString('base64'),
      createdAt: this.#clock.now(),
      scram: { storedKey: toBase64(storedKey), serverKey: toBase64(serverKey) },
    };
    await this.#write(id, { deviceCreatedAt, tokens: [...tokens, issued] });
    return token;
  }

  #roomFor(id: DeviceId): StoredCredentials {
    const device = this.#registry.get(id);
    if (device === undefined) throw problem('device.unknown', `${id} is not registered`);
    const tokens = this.#of(device)?.tokens ?? [];
    if (tokens.length >= DEVICE_TOKENS_MAX) {
      throw problem('device.too_many_tokens', `${id} has ${tokens.length} tokens`);
    }
    return { deviceCreatedAt: device.createdAt, tokens };
  }

  async revoke(id: string): Promise<void> {
    await this.#write(id, null);
  }

  #of(device: KnownDevice): StoredCredentials | undefined {
    const pending = this.#pending.get(device.id);
    const known = pending === undefined ? this.#table.get(device.id) : pending;
    return known?.deviceCreatedAt === device.createdAt ? known : undefined;
  }

  /** The table keeps the order of its writes, so the last one asked for is the one that stays. */
  async #write(id: string, next: StoredCredentials | null): Promise<void> {
    this.#pending.set(id, next);
    try {
      await (next === null ? this.#table.remove(id) : this.#table.put(id, next));
    } finally {
      if (this.#pending.get(id) === next) this.#pending.delete(id);
    }
  }
}

const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const fromStored = ({ storedKey, serverKey }: NonNullable<StoredToken['scram']>): ScramKeys => ({
  storedKey: Buffer.from(storedKey, 'base64'),
  serverKey: Buffer.from(serverKey, 'base64'),
});
