/**
 * The inbox: which sightings are of one thing. Identifiers that agree join, a MAC or serial that differs keeps apart and
 * is shown as a conflict. Bounded: of the undecided the one unseen for longest goes. Knows no disk, registry or clock.
 */
import {
  DISCOVERY_ADDRESS_FRESH_MS,
  DISCOVERY_CANDIDATES_MAX,
  DISCOVERY_PAGE_DEFAULT,
  DISCOVERY_VALUES_MAX,
} from '../../base/limits.ts';
import type { CandidateState, Sighting } from '../../model/discovery.ts';
import type { CandidatePage, CandidateQuery } from '../../model/ports/discovery.ts';
import { type Decision, Found, type Named, type StoredCandidate } from './found.ts';
import { candidateId, identifierKey, normalIdentifiers } from './identity.ts';

interface Observation {
  readonly found: Found;
  readonly isNew: boolean;
  /** Something about it is not as it was. */
  readonly isNews: boolean;
}

const keyOf = ([kind, value]: Named): string => identifierKey(kind, value);

export class Inbox {
  readonly #all = new Map<string, Found>();
  /** Undecided ones, the one unseen for longest first. */
  readonly #fresh = new Map<string, Found>();
  readonly #index = new Map<string, Found>();
  /** Admitted ones by device: whole fleets are removed at once. */
  readonly #devices = new Map<string, Found>();
  readonly #max: number;

  constructor(max = DISCOVERY_CANDIDATES_MAX) {
    this.#max = max;
  }

  count(state: CandidateState): number {
    if (state === 'new') return this.#fresh.size;
    let count = 0;
    for (const found of this.#all.values()) if (found.state === state) count += 1;
    return count;
  }

  get decided(): number {
    return this.#all.size - this.#fresh.size;
  }

  get(id: string): Found | undefined {
    return this.#all.get(id);
  }

  /** The candidate that became this device. */
  ofDevice(device: string): Found | undefined {
    return this.#devices.get(device);
  }

  /** Undefined where nothing of it identifies a thing. */
  observe(sighting: Sighting): Observation | undefined {
    const named = normalIdentifiers(sighting.identifiers);
    const [first] = named;
    if (first === undefined) return undefined;
    const { match, joined, contested } = this.#match(named, sighting.ts);
    const found = match ?? this.#create(first, named, sighting.ts);
    for (const other of contested) conflict(found, other);
    const learnt = this.#name(found, named, sighting.ts);
    const told = found.take(sighting);
    if (learnt) found.judged = false;
    this.#touch(found);
    return { found, isNew: match === undefined, isNews: match === undefined || joined || learnt || told };
  }

  restore(stored: StoredCandidate): void {
    const found = Found.restore(stored);
    this.#all.set(found.id, found);
    if (stored.device !== undefined) this.#devices.set(stored.device, found);
    for (const key of found.keys()) if (!this.#index.has(key)) this.#index.set(key, found);
  }

  /** It may have been let go, or joined with another, while the decision was on its way to disk: it is back then. */
  decide(found: Found, decision: Decision): void {
    found.decision = decision;
    this.#fresh.delete(found.id);
    this.#all.set(found.id, found);
    if (decision.device !== undefined) this.#devices.set(decision.device, found);
    for (const key of found.keys()) this.#index.set(key, found);
  }

  drop(found: Found): void {
    this.#all.delete(found.id);
    this.#fresh.delete(found.id);
    const { device } = found.decision ?? {};
    if (device !== undefined) this.#devices.delete(device);
    for (const key of found.keys()) if (this.#index.get(key) === found) this.#index.delete(key);
    for (const id of found.conflicts) this.#all.get(id)?.conflicts.delete(found.id);
  }

  /** Pages in id order. */
  list({
    state = 'new',
    text,
    scanner,
    after = '',
    limit = DISCOVERY_PAGE_DEFAULT,
  }: CandidateQuery): CandidatePage {
    const wanted = text?.toLowerCase();
    const fits = [...(state === 'new' ? this.#fresh : this.#all).values()].filter(
      (found) =>
        (state === 'all' || found.state === state) &&
        (scanner === undefined || found.seenBy(scanner)) &&
        (wanted === undefined || found.words.some((word) => word.toLowerCase().includes(wanted))),
    );
    const rest = fits.filter(({ id }) => id > after).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const page = rest.slice(0, limit);
    const next = rest.length > page.length ? page.at(-1)?.id : undefined;
    return { candidates: page.map((found) => found.show()), total: fits.length, next };
  }

  /** Who it is, by its strongest identifier first; others that turn out to be the same are joined with it. */
  #match(
    named: readonly Named[],
    ts: number,
  ): { readonly match: Found | undefined; readonly joined: boolean; readonly contested: readonly Found[] } {
    let match: Found | undefined;
    let joined = false;
    const contested: Found[] = [];
    for (const name of named) {
      const holder = this.#holder(name, ts);
      if (holder === undefined || holder === match) continue;
      if (holder.clashes(named)) {
        // An address goes with whoever has it now; a serial or host name of two things is worth a look.
        if (name[0] === 'ip') this.#release(holder, name);
        else contested.push(holder);
      } else if (match === undefined) {
        match = holder;
      } else if (mayJoin(match, holder)) {
        match = this.#join(match, holder);
        joined = true;
      }
    }
    return { match, joined, contested };
  }

  #holder(name: Named, ts: number): Found | undefined {
    const holder = this.#index.get(keyOf(name));
    if (holder === undefined) return undefined;
    const isStale = name[0] === 'ip' && ts - holder.seenAs(name) > DISCOVERY_ADDRESS_FRESH_MS;
    if (!isStale && holder.has(name)) return holder;
    this.#release(holder, name);
    return undefined;
  }

  #release(holder: Found, name: Named): void {
    holder.unname(name);
    this.#index.delete(keyOf(name));
  }

  #create(first: Named, named: readonly Named[], ts: number): Found {
    const short = candidateId(keyOf(first));
    const id = this.#all.has(short) ? candidateId(named.map(keyOf).join(' ')) : short;
    const twin = this.#all.get(id);
    if (twin !== undefined) this.drop(twin);
    const found = new Found(id, ts);
    this.#all.set(id, found);
    return found;
  }

  /** True when one of them is new for it. */
  #name(found: Found, named: readonly Named[], ts: number): boolean {
    let learnt = false;
    for (const name of named) {
      learnt ||= !found.has(name);
      const gone = found.name(name, ts);
      if (gone !== undefined && this.#index.get(keyOf(gone)) === found) this.#index.delete(keyOf(gone));
      if (!this.#index.has(keyOf(name))) this.#index.set(keyOf(name), found);
    }
    return learnt;
  }

  /** The decided one stays, otherwise the one known for longer. */
  #join(a: Found, b: Found): Found {
    const [stays, goes] = b.decision === undefined ? [a, b] : [b, a];
    const moved = [...goes.keys()];
    this.drop(goes);
    stays.swallow(goes);
    const kept = new Set(stays.keys());
    for (const key of moved) if (kept.has(key) && !this.#index.has(key)) this.#index.set(key, stays);
    return stays;
  }

  #touch(found: Found): void {
    if (found.decision !== undefined) return;
    this.#fresh.delete(found.id);
    this.#fresh.set(found.id, found);
    for (const oldest of this.#fresh.values()) {
      if (this.#fresh.size <= this.#max) return;
      this.drop(oldest);
    }
  }
}

/** Two decisions are never made one: somebody meant them for two things. */
const mayJoin = (a: Found, b: Found): boolean =>
  (a.decision === undefined || b.decision === undefined) && !a.clashes(b.exclusive());

function conflict(a: Found, b: Found): void {
  if (a.conflicts.size < DISCOVERY_VALUES_MAX) a.conflicts.add(b.id);
  if (b.conflicts.size < DISCOVERY_VALUES_MAX) b.conflicts.add(a.id);
}
