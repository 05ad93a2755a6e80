import { randomInt } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { LOGINS_IN_FLIGHT_MAX, PASSWORD_MAX_CHARS } from '../../base/limits.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { Role } from '../../model/ports/security.ts';
import type { StateTable } from '../../model/ports/state.ts';
import { isUserName } from '../token/jwt.ts';

export interface StoredUser {
  readonly name: string;
  readonly role: Role;
  /** PHC string, argon2id. */
  readonly passwordHash: string;
  readonly createdAt: number;
}

interface User {
  readonly name: string;
  readonly role: Role;
}

const ADMIN = 'admin';
/** argon2id as OWASP's password storage cheat sheet gives it first: 19 MiB, two passes, one lane. */
const ARGON2 = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
/** No letters that are mistaken for one another when a password is copied from a terminal. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789';
const GROUPS = 5;
const GROUP_CHARS = 5;

const loadArgon2 = (): Promise<typeof import('@node-rs/argon2')> => import('@node-rs/argon2');

/** People and their passwords. Promises that a wrong name costs the caller as long as a wrong password. */
export class UserBook {
  readonly #table: StateTable<StoredUser>;
  readonly #clock: Clock;
  #inFlight = 0;
  /** Stands in for a user who does not exist. */
  #decoy: Promise<string> | undefined;

  constructor({ table, clock }: { readonly table: StateTable<StoredUser>; readonly clock: Clock }) {
    this.#table = table;
    this.#clock = clock;
  }

  /** Makes the admin of a new installation and returns the password, which is kept nowhere; undefined later on. */
  async ensureAdmin(): Promise<string | undefined> {
    if (this.#table.count > 0) return undefined;
    const password = newPassword();
    const passwordHash = await hashPassword(password);
    await this.#table.put(ADMIN, { name: ADMIN, role: 'admin', passwordHash, createdAt: this.#clock.now() });
    return password;
  }

  /** auth.invalid for any wrong pair; request.busy when too many checks run already. */
  async check(name: string, password: string): Promise<Result<User, SensoriumError>> {
    if (this.#inFlight >= LOGINS_IN_FLIGHT_MAX)
      return err(problem('request.busy', 'too many logins at once'));
    this.#inFlight += 1;
    try {
      const user = isUserName(name) ? this.#table.get(name) : undefined;
      this.#decoy ??= hashPassword(newPassword());
      const decoy = await this.#decoy;
      const { verify } = await loadArgon2();
      const right = await verify(user?.passwordHash ?? decoy, password.slice(0, PASSWORD_MAX_CHARS));
      if (user === undefined || !right || password.length > PASSWORD_MAX_CHARS) return err(wrong());
      return ok({ name: user.name, role: user.role });
    } finally {
      this.#inFlight -= 1;
    }
  }
}

const wrong = (): SensoriumError => problem('auth.invalid', 'name or password is wrong');

async function hashPassword(password: string): Promise<string> {
  const { hash } = await loadArgon2();
  return hash(password, ARGON2);
}

const randomGroup = (): string =>
  Array.from({ length: GROUP_CHARS }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');

/** 25 of 31 characters: 123 bits. */
const newPassword = (): string => Array.from({ length: GROUPS }, randomGroup).join('-');
