/**
 * Kept sessions whose clients are away, in the order in which they left. Owns the bound per principal: a client that
 * makes up a new id at each connect leaves a session behind each time, and must not use up everybody's room.
 */
import { MQTT_AWAY_SESSIONS_PER_PRINCIPAL_MAX } from '../../../base/limits.ts';
import { principalKey } from '../../../model/ports/security.ts';
import type { Session } from './session.ts';

export class AwaySessions implements Iterable<Session> {
  readonly #all = new Set<Session>();
  readonly #byPrincipal = new Map<string, Set<Session>>();

  /** The session of the same principal that left first, where it has too many now. */
  add(session: Session): Session | undefined {
    const key = principalKey(session.principal);
    let own = this.#byPrincipal.get(key);
    if (own === undefined) this.#byPrincipal.set(key, (own = new Set()));
    own.add(session);
    this.#all.add(session);
    if (own.size <= MQTT_AWAY_SESSIONS_PER_PRINCIPAL_MAX) return undefined;
    const [first] = own;
    return first;
  }

  delete(session: Session): void {
    if (!this.#all.delete(session)) return;
    const key = principalKey(session.principal);
    const own = this.#byPrincipal.get(key);
    own?.delete(session);
    if (own?.size === 0) this.#byPrincipal.delete(key);
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#all.values();
  }
}
