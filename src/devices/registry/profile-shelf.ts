import { PROFILES_MAX } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { expressionFault } from '../../compute/expressions/profile-expressions.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import { isDeviceId } from '../../model/ids.ts';
import type { StateTable } from '../../model/ports/state.ts';
import { OPEN_PROFILE, type Profile, type ProfileInput } from '../../model/profile.ts';
import { shippedProfiles } from '../profiles/shipped.ts';
import { profileFault } from './profile-rules.ts';

/**
 * The device models: every version that was ever put stays on disk unchanged, the highest of each is served from
 * memory. Shipped profiles are there without being stored; a stored version above theirs takes their place.
 */
export class ProfileShelf {
  readonly #table: StateTable<ProfileInput>;
  readonly #logger: Logger;
  #latest = new Map<string, Profile>();

  constructor({ table, logger }: { readonly table: StateTable<ProfileInput>; readonly logger: Logger }) {
    this.#table = table;
    this.#logger = logger;
  }

  load(): void {
    const latest = new Map<string, Profile>();
    for (const input of [OPEN_PROFILE, ...shippedProfiles]) keepHighest(latest, asProfile(input));
    for (const [key, input] of this.#table.entries()) {
      if (key === versionKey(input)) keepHighest(latest, asProfile(input));
      else this.#logger.error({ key }, 'stored profile does not fit its key; left alone');
    }
    this.#latest = latest;
  }

  get(id: string): Profile | undefined {
    return this.#latest.get(id);
  }

  /** By id. */
  all(): readonly Profile[] {
    return [...this.#latest.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Callers run one at a time per profile. */
  async put(input: ProfileInput): Promise<Result<Profile, SensoriumError>> {
    const fault = await profileFault(input);
    if (fault !== undefined) return err(problem('profile.invalid', fault));
    const badExpression = expressionFault(input);
    if (badExpression !== undefined) return err(badExpression);
    const known = this.#latest.get(input.id);
    if (input.id === OPEN_PROFILE.id) return err(problem('profile.exists', 'profile "open" is built in'));
    if (known !== undefined && input.version <= known.version) {
      return err(problem('profile.exists', `profile "${known.id}" is at version ${known.version}`));
    }
    if (known === undefined && this.#latest.size >= PROFILES_MAX) {
      return err(problem('profile.invalid', `there are ${PROFILES_MAX} profiles already`));
    }
    const profile = asProfile(structuredClone(input));
    await this.#table.put(versionKey(profile), profile);
    this.#latest.set(profile.id, profile);
    return ok(profile);
  }

  /** Every version. False: it comes with the platform, and nothing of it was stored. Callers: as for `put`. */
  async remove(id: string): Promise<boolean> {
    const keys = [...this.#table.entries({ prefix: `${id}@` })].map(([key]) => key);
    if (keys.length === 0) return false;
    await Promise.all(keys.map((key) => this.#table.remove(key)));
    this.#latest.delete(id);
    const shipped = [OPEN_PROFILE, ...shippedProfiles].find((profile) => profile.id === id);
    if (shipped !== undefined) keepHighest(this.#latest, asProfile(shipped));
    return true;
  }
}

/** `@` cannot be part of an id; padded, so that versions stand in order. */
const versionKey = ({ id, version }: ProfileInput): string => `${id}@${String(version).padStart(10, '0')}`;

function keepHighest(latest: Map<string, Profile>, profile: Profile): void {
  const known = latest.get(profile.id);
  if (known === undefined || known.version < profile.version) latest.set(profile.id, profile);
}

function asProfile(input: ProfileInput): Profile {
  Object.freeze(input);
  assertProfile(input);
  return input;
}

/** The schema of ProfileInput holds the id to the same characters as an id type of ours. */
function assertProfile(input: ProfileInput): asserts input is Profile {
  if (!isDeviceId(input.id)) throw problem('profile.invalid', `profile id "${input.id}" is not an id`);
}
