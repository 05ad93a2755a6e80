import type { Clock } from '../../base/clock.ts';
import { DEVICE_WRITES_PENDING_MAX } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Device, DeviceInput, DevicePatch } from '../../model/device.ts';
import type { DeviceGroup, GroupInput } from '../../model/device-group.ts';
import type { DeviceChange } from '../../model/device-history.ts';
import { problem, SensoriumError } from '../../model/errors.ts';
import type { DeviceId } from '../../model/ids.ts';
import type { DeviceAdministration, GroupCount, Rehearsal } from '../../model/ports/device-administration.ts';
import type { EventPublisher } from '../../model/ports/events.ts';
import type { DevicePage, DeviceQuery, Registry, RegistryChange } from '../../model/ports/registry.ts';
import type { StateStore, StateTable } from '../../model/ports/state.ts';
import type { Profile, ProfileInput } from '../../model/profile.ts';
import { type Attributes, attributesFault } from './attribute-rules.ts';
import { type Change, ChangeBook } from './change-book.ts';
import { DeviceDrafts, held, reliances, type Surroundings } from './device-drafts.ts';
import { DeviceIndex } from './device-index.ts';
import { compact, isStoredDevice, speaksForChildren } from './device-record.ts';
import { checkDeviceInput, checkDevicePatch } from './device-rules.ts';
import { GroupShelf } from './group-shelf.ts';
import { Holds } from './holds.ts';
import { KeyedLock } from './keyed-lock.ts';
import { ProfileShelf } from './profile-shelf.ts';
import { RegistryRehearsal } from './rehearsal.ts';
import { quoted } from './text-rules.ts';

interface DeviceRegistryOptions {
  readonly state: StateStore;
  readonly events: EventPublisher;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Devices that move to another parent, one at a time: two moves at once could close a circle. No id begins like this. */
const MOVES = '@moves';

/**
 * The registry: devices, groups and profiles, on disk before anybody is told, looked up in memory. Promises one winner
 * when two add the same id or identifier, that nothing refers to what is not there, and listeners that hear every change
 * in the order it became durable. While closed it still answers lookups from memory and refuses writes.
 */
export class DeviceRegistry implements Registry, DeviceAdministration {
  readonly #state: StateStore;
  readonly #devices: StateTable<Device>;
  readonly #events: EventPublisher;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #shelf: ProfileShelf;
  readonly #groups: GroupShelf;
  readonly #changes: ChangeBook;
  readonly #locks = new KeyedLock();
  readonly #holds = new Holds();
  readonly #surroundings: Surroundings;
  readonly #drafts: DeviceDrafts;
  readonly #listeners = new Set<(change: RegistryChange) => void>();
  #index = new DeviceIndex();
  #arrivals = 0;
  #open = false;
  #unreadable = 0;
  #writeFault: string | undefined;

  constructor({ state, events, logger, clock }: DeviceRegistryOptions) {
    this.#state = state;
    this.#devices = state.table<Device>('devices');
    this.#events = events;
    this.#logger = logger;
    this.#clock = clock;
    this.#shelf = new ProfileShelf({ table: state.table<ProfileInput>('profiles'), logger });
    this.#groups = new GroupShelf({ table: state.table<DeviceGroup>('device-groups'), logger });
    this.#changes = new ChangeBook(state);
    this.#surroundings = {
      device: (id) => this.#index.get(id),
      identified: (identifier) => this.#index.identified(identifier),
      profile: (id) => this.#shelf.get(id),
      hasGroup: (id) => this.#groups.get(id) !== undefined,
      children: (id) => this.#index.count('parent', id),
      size: () => this.#index.size + this.#arrivals,
      holds: this.#holds,
      clock,
    };
    this.#drafts = new DeviceDrafts(this.#surroundings);
  }

  /** Reads everything from disk; until it is through, lookups see what was there before. */
  open(): void {
    const index = new DeviceIndex();
    this.#unreadable = 0;
    this.#shelf.load();
    this.#groups.load();
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
    const work = async (): Promise<Result<Device, SensoriumError>> =>
      this.#update({ id, patch, by, version });
    return this.#write(id, async () =>
      patch.parent === undefined || patch.parent === null ? work() : this.#locks.run(MOVES, work),
    );
  }

  async remove(id: string, by: string): Promise<Result<Device, SensoriumError>> {
    return this.#write(id, async () => {
      const device = this.#index.get(id);
      if (device === undefined) return err(unknownDevice(id));
      const hold = held.parent(id);
      const children = this.#index.count('parent', id) + this.#holds.count(hold);
      if (children > 0) return err(problem('device.has_children', `${id} has ${children} children`));
      const change = { before: device, after: undefined, by, at: this.#clock.now() };
      await this.#holds.whileLeaving(hold, async () => {
        await this.#commit(change);
        this.#index.remove(id);
      });
      this.#announce({ kind: 'device-removed', id: device.id });
      this.#events.publish('device.removed', id, { device: id, by });
      return ok(device);
    });
  }

  async report(id: string, attributes: Attributes): Promise<void> {
    const fault = this.#index.get(id) === undefined ? undefined : attributesFault(attributes);
    if (fault !== undefined) this.#logger.debug({ device: id, fault }, 'reported attributes refused');
    if (fault !== undefined || this.#index.get(id) === undefined) return;
    const written = await this.#write(id, async () => this.#update({ id, patch: { attributes } }));
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

  async removeProfile(id: string, by: string): Promise<Result<Profile, SensoriumError>> {
    return this.#write(`profile ${id}`, async () => {
      const profile = this.#shelf.get(id);
      if (profile === undefined) return err(problem('profile.unknown', `there is no profile ${quoted(id)}`));
      const users = this.#index.count('profile', id) + this.#holds.count(held.profile(id));
      if (users > 0) return err(problem('profile.in_use', `${users} devices have profile ${id}`));
      const isGone = await this.#holds.whileLeaving(held.profile(id), () => this.#shelf.remove(id));
      if (!isGone) return err(problem('profile.built_in', `profile ${id} was not put by anybody`));
      this.#logger.info({ profile: id, by }, 'profile removed');
      // What ships with the platform comes back where a version of ours stood before it.
      const shipped = this.#shelf.get(id);
      this.#announce(
        shipped === undefined
          ? { kind: 'profile-removed', id: profile.id }
          : { kind: 'profile-put', profile: shipped },
      );
      return ok(profile);
    });
  }

  groups(): readonly GroupCount[] {
    return this.#groups.all().map((group) => this.#counted(group));
  }

  group(id: string): GroupCount | undefined {
    const group = this.#groups.get(id);
    return group && this.#counted(group);
  }

  async putGroup(input: GroupInput, by: string): Promise<Result<GroupCount, SensoriumError>> {
    return this.#write(`group ${input?.id}`, async () => {
      const put = await this.#groups.put(input, this.#clock.now());
      if (!put.ok) return put;
      this.#logger.info({ group: put.value.id, by }, 'group put');
      return ok(this.#counted(put.value));
    });
  }

  async removeGroup(id: string, by: string): Promise<Result<GroupCount, SensoriumError>> {
    return this.#write(`group ${id}`, async () => {
      const group = this.group(id);
      if (group === undefined) return err(problem('group.unknown', `there is no group ${quoted(id)}`));
      const members = group.devices + this.#holds.count(held.group(id));
      if (members > 0) return err(problem('group.in_use', `${members} devices are in ${id}`));
      await this.#holds.whileLeaving(held.group(id), () => this.#groups.remove(id));
      this.#logger.info({ group: id, by }, 'group removed');
      return ok(group);
    });
  }

  history(id: string): readonly DeviceChange[] {
    return this.#changes.of(id);
  }

  rehearse(): Rehearsal {
    return new RegistryRehearsal(this.#surroundings);
  }

  async #add(id: DeviceId, input: DeviceInput, by: string): Promise<Result<Device, SensoriumError>> {
    const draft = this.#drafts.added(id, input);
    if (!draft.ok) return draft;
    const device = draft.value;
    this.#arrivals += 1;
    try {
      await this.#store({ before: undefined, after: device, by, at: device.createdAt });
    } finally {
      this.#arrivals -= 1;
    }
    this.#events.publish('device.registered', id, { device: id, parent: device.parent, by });
    return draft;
  }

  /** Without `by` it is what the device says of itself: no change that anybody made. */
  async #update({ id, patch, by, version }: Update): Promise<Result<Device, SensoriumError>> {
    const before = this.#index.get(id);
    if (before === undefined) return err(unknownDevice(id));
    if (version !== undefined && version !== before.version)
      return err(problem('device.version_conflict', `${id} is at version ${before.version}, not ${version}`));
    const draft = this.#drafts.changed(before, patch);
    if (!draft.ok || draft.value === before) return draft;
    const after = draft.value;
    const store = (): Promise<void> => this.#store({ before, after, by, at: after.updatedAt });
    // No child may come meanwhile to one that will not speak for it.
    if (speaksForChildren(after)) await store();
    else await this.#holds.whileLeaving(held.parent(id), store);
    this.#logger.debug({ device: id, by }, 'device changed');
    return draft;
  }

  async #store(change: Stored): Promise<void> {
    const { before, after } = change;
    await this.#holds.whileHeld(reliances(before, after), async () => {
      await this.#commit(change);
      this.#index.put(after);
    });
    this.#announce({ kind: 'device-put', device: after, added: before === undefined });
  }

  /** The device and the word of it, on disk together. */
  async #commit({ before, after, by, at }: Partial<Pick<Change, 'by'>> & Omit<Change, 'by'>): Promise<void> {
    const id = (after ?? before)?.id ?? '';
    if (by === undefined && after !== undefined) return this.#devices.put(id, after);
    const note = this.#changes.prepare({ before, after, by: by ?? id, at });
    await this.#state.batch(() => {
      if (after === undefined) void this.#devices.remove(id);
      else void this.#devices.put(id, after);
      note();
    });
  }

  #counted(group: DeviceGroup): GroupCount {
    return { ...group, devices: this.#index.count('group', group.id) };
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

interface Update {
  readonly id: string;
  readonly patch: DevicePatch;
  readonly by?: string;
  readonly version?: number | undefined;
}

interface Stored {
  readonly before: Device | undefined;
  readonly after: Device;
  readonly by?: string | undefined;
  readonly at: number;
}

const unknownDevice = (id: string): SensoriumError =>
  problem('device.unknown', `${quoted(id)} is not registered`);

const asWriteError = (cause: unknown): SensoriumError =>
  cause instanceof SensoriumError
    ? cause
    : problem('registry.unavailable', cause instanceof Error ? cause.message : String(cause), { cause });
