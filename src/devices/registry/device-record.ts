import type { Device } from '../../model/device.ts';
import { type DeviceId, isDeviceId } from '../../model/ids.ts';
import { OPEN_PROFILE } from '../../model/profile.ts';
import { mergeAttributes, NO_ATTRIBUTES } from './attribute-rules.ts';

export const displayName = (name: string | undefined, id: DeviceId): string => {
  const trimmed = name?.trim() ?? '';
  return trimmed === '' ? id : trimmed;
};

/** Nothing that a patch can change differs. */
export const isSame = (a: Device, b: Device): boolean =>
  a.name === b.name &&
  a.profile === b.profile &&
  a.gateway === b.gateway &&
  a.parent === b.parent &&
  a.preset === b.preset &&
  isSameJson(a.tags, b.tags) &&
  isSameJson(a.groups, b.groups) &&
  isSameJson(a.identifiers, b.identifiers) &&
  a.topicBase === b.topicBase &&
  a.attributes === b.attributes;

const isSameJson = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

/** A device with a preset is a bridge to others: it speaks for children, too. */
export const speaksForChildren = ({ gateway, preset }: Pick<Device, 'gateway' | 'preset'>): boolean =>
  gateway || preset !== undefined;

/** Enough of a look to serve it; what is deeper was checked when it was written. */
export function isStoredDevice(key: string, stored: Device | undefined): stored is Device {
  return (
    typeof stored === 'object' &&
    stored.id === key &&
    isDeviceId(key) &&
    typeof stored.name === 'string' &&
    typeof stored.profile === 'string' &&
    typeof stored.version === 'number'
  );
}

/** One shape for all, and one string where name and id are equal: this is what 100,000 devices are made of. */
export function compact(stored: Device): Device {
  const { id, name, profile, gateway, parent, preset, topicBase, attributes } = stored;
  const { tags, groups, identifiers, createdAt, updatedAt, version } = stored;
  return {
    id,
    name: name === id ? id : name,
    profile: profile === OPEN_PROFILE.id ? OPEN_PROFILE.id : profile,
    gateway,
    parent,
    preset,
    topicBase,
    tags,
    groups,
    identifiers,
    attributes: mergeAttributes(NO_ATTRIBUTES, attributes),
    createdAt,
    updatedAt,
    version,
  };
}
