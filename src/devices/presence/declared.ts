/** What a device declares about when it will be heard of: in its attribute `presence`, else in its profile. */
import { PRESENCE_EVERY_MAX_MS, PRESENCE_EVERY_MIN_MS } from '../../base/limits.ts';
import { parseDuration } from '../../base/time-units.ts';
import type { Device } from '../../model/device.ts';
import type { Profile } from '../../model/profile.ts';

export interface Declared {
  /** 0 = nothing. */
  readonly everyMs: number;
  readonly sleeps: boolean;
}

const NOTHING: Declared = { everyMs: 0, sleeps: false };

/** What is no declaration in an attribute, which devices write themselves, counts as none. */
export function declaredBy(
  { attributes }: Pick<Device, 'attributes'>,
  profile: Pick<Profile, 'presence'> | undefined,
): Declared {
  return read(attributes['presence']) ?? read(profile?.presence) ?? NOTHING;
}

function read(value: unknown): Declared | undefined {
  if (typeof value !== 'object' || value === null || !('every' in value)) return undefined;
  const { every } = value;
  const everyMs = typeof every === 'string' ? parseDuration(every) : undefined;
  if (everyMs === undefined) return undefined;
  const sleeps = 'sleeps' in value && value.sleeps === true;
  return { everyMs: Math.min(Math.max(everyMs, PRESENCE_EVERY_MIN_MS), PRESENCE_EVERY_MAX_MS), sleeps };
}
