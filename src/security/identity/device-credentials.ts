import type { Clock } from '../../base/clock.ts';
import { DEVICE_TOKENS_MAX } from '../../base/limits.ts';
import type { Device } from '../../model/device.ts';
import { problem } from '../../model/errors.ts';
import type { DeviceId } from '../../model/ids.ts';
import type { StateTable } from '../../model/ports/state.ts';
import { hashDeviceToken, matchesAny, newDeviceToken } from '../token/device-token.ts';

/** The tokens of one device as they are kept. */
export interface StoredCredentials {
  /** Of the device they were given to: a device that was removed and added again has none of its old tokens. */
  readonly deviceCreatedAt: number;
  readonly tokens: readonly { readonly hash: string; readonly createdAt: number }[];
}

interface DeviceCredentialsOptions {
  readonly table: StateTable<StoredCredentials>;
  readonly key: Uint8Array;
  readonly clock: Clock;
}

type KnownDevice = Pick<Device, 'id' | 'createdAt'>;

/**
 * Device tokens as keyed hashes. Promises that a token is valid only once it is on disk, and is refused from the moment
 * its revocation begins. Reads straight from the table: a lookup there costs less than the hash.
 */
export class DeviceCredentials {
  readonly #table: StateTable<StoredCredentials>;
  readonly #key: Uint8Array;
  readonly #clock: Clock;
  /** What the table will say once the writes on their way are through; null = revoked. */
  readonly #pending = new Map<string, StoredCredentials | null>();

  constructor({ table, key, clock }: DeviceCredentialsOptions) {
    this.#table = table;
    this.#key = key;
    this.#clock = clock;
  }

  /** `device` undefined: no such device; takes as long as a wrong token. */
  verify(device: KnownDevice | undefined, token: string): boolean {
    const hash = hashDeviceToken(this.#key, token);
    const known = device === undefined ? undefined : this.#of(device);
    return matchesAny(hash, known?.tokens.map((entry) => Buffer.from(entry.hash, 'base64')) ?? []);
  }

  /** Throws device.too_many_tokens. */
  async issue(device: KnownDevice & { readonly id: DeviceId }): Promise<string> {
    const earlier = this.#of(device)?.tokens ?? [];
    if (earlier.length >= DEVICE_TOKENS_MAX) {
      throw problem('device.too_many_tokens', `${device.id} has ${earlier.length} tokens`);
    }
    const token = newDeviceToken(device.id);
    const hash = hashDeviceToken(this.#key, token).toString('base64');
    const tokens = [...earlier, { hash, createdAt: this.#clock.now() }];
    await this.#write(device.id, { deviceCreatedAt: device.createdAt, tokens });
    return token;
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
