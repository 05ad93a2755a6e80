import type { Clock } from '../../base/clock.ts';
import { CHILDREN_PER_GATEWAY_MAX, DEVICES_MAX, GATEWAY_DEPTH_MAX } from '../../base/limits.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { Device, DeviceInput, DevicePatch } from '../../model/device.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { DeviceId, ProfileId } from '../../model/ids.ts';
import { OPEN_PROFILE, type Profile } from '../../model/profile.ts';
import { attributesFault, mergeAttributes, NO_ATTRIBUTES } from './attribute-rules.ts';
import { identifiersOf } from './device-index.ts';
import { displayName, isSame, speaksForChildren } from './device-record.ts';
import { presetFault } from './device-rules.ts';
import type { Holds } from './holds.ts';
import { labelList, readIdentifiers } from './label-rules.ts';
import { quoted } from './text-rules.ts';

/** What drafts are judged against. */
export interface Surroundings {
  readonly device: (id: string) => Device | undefined;
  readonly identified: (identifier: string) => Device | undefined;
  readonly profile: (id: string) => Profile | undefined;
  readonly hasGroup: (id: string) => boolean;
  readonly children: (gateway: string) => number;
  /** Devices there are, those on their way among them. */
  readonly size: () => number;
  readonly holds: Holds;
  readonly clock: Clock;
}

/** Names of what a write on its way relies on. */
export const held = {
  parent: (id: string): string => `parent ${id}`,
  profile: (id: string): string => `profile ${id}`,
  group: (id: string): string => `group ${id}`,
  identifier: (identifier: string): string => `identifier ${identifier}`,
} as const;

/**
 * New and changed devices: what a request makes of what is there, judged against the registry of this moment. Its
 * answers hold as long as nothing is awaited. It writes nothing, and takes inputs whose form was checked.
 */
export class DeviceDrafts {
  readonly #around: Surroundings;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  added(id: DeviceId, input: DeviceInput): Result<Device, SensoriumError> {
    if (this.#around.device(id) !== undefined)
      return err(problem('device.exists', `${id} is registered already`));
    if (this.#around.size() >= DEVICES_MAX)
      return err(problem('device.too_many', `${DEVICES_MAX} devices are registered`));
    const now = this.#around.clock.now();
    const blank: Device = {
      id,
      name: id,
      profile: OPEN_PROFILE.id,
      gateway: false,
      parent: undefined,
      preset: undefined,
      topicBase: undefined,
      tags: undefined,
      groups: undefined,
      identifiers: undefined,
      attributes: NO_ATTRIBUTES,
      createdAt: now,
      updatedAt: now,
      version: 1,
    };
    return this.#patched(blank, input);
  }

  /** The very same object when the patch changes nothing. */
  changed(device: Device, patch: DevicePatch): Result<Device, SensoriumError> {
    const changed = this.#patched(device, patch);
    if (!changed.ok || isSame(device, changed.value)) return changed.ok ? ok(device) : changed;
    const { children, holds, clock } = this.#around;
    const isMute = speaksForChildren(device) && !speaksForChildren(changed.value);
    const count = isMute ? children(device.id) + holds.count(held.parent(device.id)) : 0;
    if (count > 0) return err(problem('device.has_children', `${device.id} speaks for ${count} children`));
    return ok({ ...changed.value, updatedAt: clock.now(), version: device.version + 1 });
  }

  #patched(device: Device, patch: DevicePatch): Result<Device, SensoriumError> {
    const profile = patch.profile === undefined ? ok(device.profile) : this.#profile(patch.profile);
    if (!profile.ok) return profile;
    const parent = patch.parent === undefined ? ok(device.parent) : this.#parent(patch.parent, device);
    if (!parent.ok) return parent;
    const groups = patch.groups === undefined ? ok(device.groups) : this.#groups(patch.groups);
    if (!groups.ok) return groups;
    const identifiers = this.#identifiers(patch.identifiers, device);
    if (!identifiers.ok) return identifiers;
    const attributes = mergeAttributes(device.attributes, structuredClone(patch.attributes ?? {}));
    // Judged again as a whole: many small reports must not add up to more than one may bring.
    const tooMuch = attributes === device.attributes ? undefined : attributesFault(attributes);
    if (tooMuch !== undefined) return err(problem('request.invalid', tooMuch));
    const changed: Device = {
      ...device,
      name: patch.name === undefined ? device.name : displayName(patch.name, device.id),
      profile: profile.value,
      gateway: patch.gateway ?? device.gateway,
      parent: parent.value,
      ...presetOf(device, patch),
      tags: patch.tags === undefined ? device.tags : labelList(patch.tags),
      groups: groups.value,
      identifiers: identifiers.value,
      attributes,
    };
    const fault = presetFault(changed);
    return fault === undefined ? ok(changed) : err(problem('request.invalid', fault));
  }

  #profile(id: string): Result<ProfileId, SensoriumError> {
    const profile = this.#around.profile(id);
    if (profile === undefined || this.#around.holds.isLeaving(held.profile(id)))
      return err(problem('profile.unknown', `profile ${quoted(id)}`));
    return ok(profile.id);
  }

  #parent(id: string | null, child: Device): Result<DeviceId | undefined, SensoriumError> {
    if (id === null || id === child.parent) return ok(id === null ? undefined : child.parent);
    const { device, holds, children } = this.#around;
    const parent = device(id);
    const hold = held.parent(id);
    if (parent === undefined || holds.isLeaving(hold))
      return err(problem('device.unknown', `parent ${quoted(id)} is not registered`));
    if (!speaksForChildren(parent))
      return err(problem('gateway.required', `parent ${quoted(id)} is not a gateway`));
    if (children(id) + holds.count(hold) >= CHILDREN_PER_GATEWAY_MAX)
      return err(problem('gateway.too_many_children', `${id} has ${CHILDREN_PER_GATEWAY_MAX} children`));
    return this.#isAbove(child.id, parent)
      ? err(
          problem(
            'gateway.cycle',
            `${id} hangs on ${child.id} itself, or ${GATEWAY_DEPTH_MAX} gateways deep`,
          ),
        )
      : ok(parent.id);
  }

  #isAbove(id: string, device: Device): boolean {
    let at: Device | undefined = device;
    for (let depth = 0; depth < GATEWAY_DEPTH_MAX; depth += 1) {
      if (at?.id === id) return true;
      if (at?.parent === undefined) return false;
      at = this.#around.device(at.parent);
    }
    return true;
  }

  #groups(ids: readonly string[]): Result<readonly string[] | undefined, SensoriumError> {
    const { hasGroup, holds } = this.#around;
    const unknown = ids.find((id) => !hasGroup(id) || holds.isLeaving(held.group(id)));
    return unknown === undefined
      ? ok(labelList(ids))
      : err(problem('group.unknown', `there is no group ${quoted(unknown)}`));
  }

  #identifiers(
    given: DevicePatch['identifiers'],
    device: Device,
  ): Result<Device['identifiers'], SensoriumError> {
    if (given === undefined) return ok(device.identifiers);
    const read = readIdentifiers(given);
    if (!read.ok) return err(problem('request.invalid', read.error));
    const own = new Set(identifiersOf(device));
    for (const identifier of identifiersOf({ identifiers: read.value })) {
      if (own.has(identifier)) continue;
      const other = this.#around.identified(identifier);
      const isTaken = other !== undefined || this.#around.holds.count(held.identifier(identifier)) > 0;
      if (isTaken) {
        const who = other?.id ?? 'a device that is being registered';
        return err(problem('device.identity_taken', `${quoted(identifier)} belongs to ${who}`));
      }
    }
    return ok(read.value);
  }
}

/** What a device on its way to disk relies on, and what it claims. */
export function reliances(before: Device | undefined, after: Device): readonly string[] {
  return [
    ...(after.parent === undefined || after.parent === before?.parent ? [] : [held.parent(after.parent)]),
    held.profile(after.profile),
    ...(after.groups ?? []).map(held.group),
    ...(before?.identifiers === after.identifiers ? [] : identifiersOf(after).map(held.identifier)),
  ];
}

/** A preset that is taken away takes its topic base with it. */
function presetOf(device: Device, patch: DevicePatch): Pick<Device, 'preset' | 'topicBase'> {
  const preset = patch.preset === undefined ? device.preset : (patch.preset ?? undefined);
  const kept = patch.preset === null ? undefined : device.topicBase;
  return { preset, topicBase: patch.topicBase === '' ? undefined : (patch.topicBase ?? kept) };
}
