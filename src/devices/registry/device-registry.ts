import type { Clock } from '../../base/clock.ts';
import { CHILDREN_PER_GATEWAY_MAX, DEVICE_WRITES_PENDING_MAX, DEVICES_MAX } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Device, DeviceInput, DevicePatch } from '../../model/device.ts';
import { problem, SensoriumError } from '../../model/errors.ts';
import type { DeviceId, ProfileId } from '../../model/ids.ts';
import type { EventPublisher } from '../../model/ports/events.ts';
import type { DevicePage, DeviceQuery, Registry, RegistryChange } from '../../model/ports/registry.ts';
import type { StateStore, StateTable } from '../../model/ports/state.ts';
import { OPEN_PROFILE, type Profile, type ProfileInput } from '../../model/profile.ts';
import { type Attributes, attributesFault, mergeAttributes, NO_ATTRIBUTES } from './attribute-rules.ts';
import { DeviceIndex } from './device-index.ts';
import { compact, displayName, isSame, isStoredDevice } from './device-record.ts';
import { checkDeviceInput, checkDevicePatch, presetFault } from './device-rules.ts';
import { KeyedLock } from './keyed-lock.ts';
import { ProfileShelf } from './profile-shelf.ts';
import { quoted } from './text-rules.ts';

interface DeviceRegistryOptions {
  readonly state: StateStore;
  readonly events: EventPublisher;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * The registry: devices and profiles, on disk before anybody is told, looked up in memory. Promises one winner when
 * two add the same id, no child without its gateway, and listeners that hear every change in the order it became
 * durable. While closed it still answers lookups from memory and refuses writes.
 */
export class DeviceRegistry implements Registry {
  readonly #devices: StateTable<Device>;
  readonly #events: EventPublisher;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #shelf: ProfileShelf;
  readonly #locks = new KeyedLock();
  readonly #listeners = new Set<(change: RegistryChange) => void>();
  /** Children on their way to disk, by parent: a gateway that is getting a child cannot be removed meanwhile. */
  readonly #arriving = new Map<string, number>();
  readonly #leaving = new Set<string>();
  #index = new DeviceIndex();
  #arrivals = 0;
  #open = false;
  #unreadable = 0;
  #writeFault: string | undefined;

  constructor({ state, events, logger, clock }: DeviceRegistryOptions) {
    this.#devices = state.table<Device>('devices');
    this.#events = events;
    this.#logger = logger;
    this.#clock = clock;
    this.#shelf = new ProfileShelf({ table: state.table<ProfileInput>('profiles'), logger });
  }

  /** Reads everything from disk; until it is through, lookups see what was there before. */
  open(): void {
    const index = new DeviceIndex();
    this.#unreadable = 0;
    this.#shelf.load();
    for (const [key, stored] of this.#devices.entries()) {
      if (isStoredDevice(key, stored)) index.put(compact(stored));
      else this.#skip(key);
    }
    this.#index = index;
    this.#writeFault = undefined;
    this.#open = true;
  }

  /** Refuses new writes and waits for those on their way. */
  async close(): Promise<void> {
    this.#open = false;
    await this.#locks.settled();
  }

  /** What is wrong, in words; empty when nothing is. */
  get faults(): readonly string[] {
    const faults: string[] = [];
    if (this.#unreadable > 0) faults.push(`${this.#unreadable} stored devices cannot be read; see the log`);
    if (this.#writeFault !== undefined) faults.push(`the registry cannot write: ${this.#writeFault}`);
    return faults;
  }

  get(id: string): Device | undefined {
    return this.#index.get(id);
  }

  list(query: DeviceQuery): DevicePage {
    return this.#index.list(query);
  }

  get size(): number {
    return this.#index.size;
  }

  profile(id: string): Profile | undefined {
    return this.#shelf.get(id);
  }

  profiles(): readonly Profile[] {
    return this.#shelf.all();
  }

  onChange(listener: (change: RegistryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async add(input: DeviceInput, by: string): Promise<Result<Device, SensoriumError>> {
    const id = await checkDeviceInput(input);
    if (!id.ok) return id;
    return this.#write(id.value, () => this.#add(id.value, input, by));
  }

  async update(
    id: string,
    patch: DevicePatch,
    by: string,
    version?: number,
  ): Promise<Result<Device, SensoriumError>> {
    const checked = await checkDevicePatch(patch);
    if (!checked.ok) return checked;
    return this.#write(id, async () => {
      const changed = this.#patched(id, patch, version);
      if (!changed.ok || changed.value === this.#index.get(id)) return changed;
      await this.#store(changed.value, false);
      this.#logger.debug({ device: id, by }, 'device changed');
      return changed;
    });
  }

  async remove(id: string, by: string): Promise<Result<Device, SensoriumError>> {
    return this.#write(id, async () => {
      const device = this.#index.get(id);
      if (device === undefined) return err(unknownDevice(id));
      const children = this.#index.childCount(id) + (this.#arriving.get(id) ?? 0);
      if (children > 0) return err(problem('device.has_children', `${id} has ${children} children`));
      this.#leaving.add(id);
      try {
        await this.#devices.remove(id);
      } finally {
        this.#leaving.delete(id);
      }
      this.#index.remove(id);
      this.#announce({ kind: 'device-removed', id: device.id });
      this.#events.publish('device.removed', id, { device: id, by });
      return ok(device);
    });
  }

  async report(id: string, attributes: Attributes): Promise<void> {
    const fault = this.#index.get(id) === undefined ? undefined : attributesFault(attributes);
    if (fault !== undefined) this.#logger.debug({ device: id, fault }, 'reported attributes refused');
    if (fault !== undefined || this.#index.get(id) === undefined) return;
    const written = await this.#write(id, async () => {
      const changed = this.#patched(id, { attributes }, undefined);
      if (changed.ok && changed.value !== this.#index.get(id)) await this.#store(changed.value, false);
      return changed;
    });
    if (!written.ok)
      this.#logger.debug({ device: id, error: written.error }, 'reported attributes not stored');
  }

  async putProfile(input: ProfileInput, by: string): Promise<Result<Profile, SensoriumError>> {
    return this.#write(`profile ${input?.id}`, async () => {
      const put = await this.#shelf.put(input);
      if (!put.ok) return put;
      this.#logger.info({ profile: put.value.id, version: put.value.version, by }, 'profile added');
      this.#announce({ kind: 'profile-put', profile: put.value });
      return put;
    });
  }

  async #add(id: DeviceId, input: DeviceInput, by: string): Promise<Result<Device, SensoriumError>> {
    const device = this.#newDevice(id, input);
    if (!device.ok) return device;
    const { parent } = device.value;
    this.#arrivals += 1;
    if (parent !== undefined) this.#arriving.set(parent, (this.#arriving.get(parent) ?? 0) + 1);
    try {
      await this.#store(device.value, true);
    } finally {
      this.#arrivals -= 1;
      if (parent !== undefined) this.#arrived(parent);
    }
    this.#events.publish('device.registered', id, { device: id, parent, by });
    return device;
  }

  #newDevice(id: DeviceId, input: DeviceInput): Result<Device, SensoriumError> {
    if (this.#index.get(id) !== undefined)
      return err(problem('device.exists', `${id} is registered already`));
    if (this.#index.size + this.#arrivals >= DEVICES_MAX) {
      return err(problem('device.too_many', `${DEVICES_MAX} devices are registered`));
    }
    const profile = this.#profileId(input.profile ?? OPEN_PROFILE.id);
    if (!profile.ok) return profile;
    const parent = this.#parentId(input.parent);
    if (!parent.ok) return parent;
    const now = this.#clock.now();
    const device: Device = {
      id,
      name: displayName(input.name, id),
      profile: profile.value,
      gateway: input.gateway ?? false,
      parent: parent.value,
      preset: input.preset,
      topicBase: input.topicBase === '' ? undefined : input.topicBase,
      attributes: mergeAttributes(NO_ATTRIBUTES, structuredClone(input.attributes ?? {})),
      createdAt: now,
      updatedAt: now,
      version: 1,
    };
    const fault = presetFault(device);
    return fault === undefined ? ok(device) : err(problem('request.invalid', fault));
  }

  /** The device after the change; the very same object when the patch changes nothing. */
  #patched(id: string, patch: DevicePatch, version: number | undefined): Result<Device, SensoriumError> {
    const device = this.#index.get(id);
    if (device === undefined) return err(unknownDevice(id));
    if (version !== undefined && version !== device.version) {
      return err(problem('device.version_conflict', `${id} is at version ${device.version}, not ${version}`));
    }
    const profile = this.#profileId(patch.profile ?? device.profile);
    if (!profile.ok) return profile;
    const attributes = mergeAttributes(device.attributes, structuredClone(patch.attributes ?? {}));
    // Judged again as a whole: many small reports must not add up to more than one may bring.
    const tooMuch = attributes === device.attributes ? undefined : attributesFault(attributes);
    if (tooMuch !== undefined) return err(problem('request.invalid', tooMuch));
    const changed: Device = {
      ...device,
      name: patch.name === undefined ? device.name : displayName(patch.name, device.id),
      profile: profile.value,
      preset: patch.preset ?? device.preset,
      topicBase: patch.topicBase === '' ? undefined : (patch.topicBase ?? device.topicBase),
      attributes,
    };
    const fault = presetFault(changed);
    if (fault !== undefined) return err(problem('request.invalid', fault));
    if (isSame(device, changed)) return ok(device);
    return ok({ ...changed, updatedAt: this.#clock.now(), version: device.version + 1 });
  }

  #profileId(id: string): Result<ProfileId, SensoriumError> {
    const profile = this.#shelf.get(id);
    return profile === undefined ? err(problem('profile.unknown', `profile ${quoted(id)}`)) : ok(profile.id);
  }

  #parentId(id: string | undefined): Result<DeviceId | undefined, SensoriumError> {
    if (id === undefined) return ok(undefined);
    const parent = this.#index.get(id);
    if (parent === undefined || this.#leaving.has(id)) {
      return err(problem('device.unknown', `parent ${quoted(id)} is not registered`));
    }
    if (!parent.gateway && parent.preset === undefined) {
      return err(problem('gateway.required', `parent ${quoted(id)} is not a gateway`));
    }
    if (this.#index.childCount(id) + (this.#arriving.get(id) ?? 0) >= CHILDREN_PER_GATEWAY_MAX) {
      return err(problem('gateway.too_many_children', `${id} has ${CHILDREN_PER_GATEWAY_MAX} children`));
    }
    return ok(parent.id);
  }

  #arrived(parent: string): void {
    const left = (this.#arriving.get(parent) ?? 0) - 1;
    if (left > 0) this.#arriving.set(parent, left);
    else this.#arriving.delete(parent);
  }

  async #store(device: Device, added: boolean): Promise<void> {
    await this.#devices.put(device.id, device);
    this.#index.put(device);
    this.#announce({ kind: 'device-put', device, added });
  }

  /** Every write passes here: refused while closed or swamped, one at a time per key, a broken disk as a typed error. */
  async #write<T>(
    key: string,
    work: () => Promise<Result<T, SensoriumError>>,
  ): Promise<Result<T, SensoriumError>> {
    if (!this.#open) return err(problem('registry.unavailable', 'the registry is not open'));
    if (this.#locks.pending >= DEVICE_WRITES_PENDING_MAX) {
      return err(problem('request.rate_limited', `${DEVICE_WRITES_PENDING_MAX} registry writes are waiting`));
    }
    try {
      const result = await this.#locks.run(key, work);
      if (result.ok) this.#writeFault = undefined;
      return result;
    } catch (cause) {
      const error = asWriteError(cause);
      this.#writeFault = error.message;
      this.#logger.error({ key, error: error.message }, 'registry write failed');
      return err(error);
    }
  }

  #announce(change: RegistryChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (cause) {
        this.#logger.error({ kind: change.kind, error: String(cause) }, 'registry listener threw');
      }
    }
  }

  #skip(key: string): void {
    this.#unreadable += 1;
    this.#logger.error({ key }, 'stored device cannot be read; left alone');
  }
}

const unknownDevice = (id: string): SensoriumError =>
  problem('device.unknown', `${quoted(id)} is not registered`);

const asWriteError = (cause: unknown): SensoriumError =>
  cause instanceof SensoriumError
    ? cause
    : problem('registry.unavailable', cause instanceof Error ? cause.message : String(cause), { cause });
