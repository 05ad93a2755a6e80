/**
 * One thing in the inbox: everything its sightings said, cleaned and bounded. Knows how to take a sighting, to swallow
 * another record of the same thing, and to show itself; who is the same as whom the inbox decides.
 */
import {
  DISCOVERY_ATTRIBUTES_MAX,
  DISCOVERY_EVIDENCE_MAX,
  DISCOVERY_SERVICES_MAX,
  DISCOVERY_TEXT_MAX_CHARS,
  DISCOVERY_VALUES_MAX,
} from '../../base/limits.ts';
import type {
  Candidate,
  CandidateState,
  Evidence,
  ProfileHint,
  ProfileSuggestion,
  Sighting,
} from '../../model/discovery.ts';
import type { DeviceId } from '../../model/ids.ts';
import { isReservedKey, plainText } from '../registry/text-rules.ts';
import { EXCLUSIVE_KINDS, IDENTIFIER_KINDS, type IdentifierKind, identifierKey } from './identity.ts';

/** What stays when the process ends: nothing of what was merely seen. */
export interface StoredCandidate {
  readonly id: string;
  readonly state: Exclude<CandidateState, 'new'>;
  readonly names: readonly string[];
  readonly manufacturer?: string | undefined;
  readonly model?: string | undefined;
  readonly identifiers: Readonly<Partial<Record<IdentifierKind, readonly string[]>>>;
  readonly services: readonly string[];
  readonly firstSeenAt: number;
  readonly lastSeenAt: number;
  readonly device?: DeviceId | undefined;
  readonly decidedBy: string;
  readonly decidedAt: number;
}

/** Somebody's word about a candidate. */
export interface Decision {
  readonly state: Exclude<CandidateState, 'new'>;
  readonly by: string;
  readonly at: number;
  readonly device?: DeviceId | undefined;
}

/** An identifier in its one spelling. */
export type Named = readonly [kind: IdentifierKind, value: string];

type Scalar = string | number | boolean;

const clean = (text: string): string => plainText(text, DISCOVERY_TEXT_MAX_CHARS);

export class Found {
  readonly id: string;
  decision: Decision | undefined;
  suggestion: ProfileSuggestion | undefined;
  /** Watchers have looked at it as it is. */
  judged = false;
  /** `lasting` when it was last stored. */
  storedLasting = 0;
  readonly conflicts = new Set<string>();
  readonly hints = new Map<string, ProfileHint>();
  /** Values by kind with the time each was last seen, the newest last. */
  readonly #identifiers = new Map<IdentifierKind, Map<string, number>>();
  /** The best first. */
  #names: string[] = [];
  #manufacturer: string | undefined;
  #model: string | undefined;
  readonly #services = new Set<string>();
  readonly #attributes = new Map<string, Scalar>();
  readonly #evidence = new Map<string, Evidence>();
  #signalDbm: number | undefined;
  #firstSeenAt: number;
  #lastSeenAt: number;

  constructor(id: string, ts: number) {
    this.id = id;
    this.#firstSeenAt = ts;
    this.#lastSeenAt = ts;
  }

  static restore(stored: StoredCandidate): Found {
    const found = new Found(stored.id, stored.firstSeenAt);
    found.#lastSeenAt = stored.lastSeenAt;
    found.#names = [...stored.names];
    found.#manufacturer = stored.manufacturer;
    found.#model = stored.model;
    for (const service of stored.services) found.#services.add(service);
    for (const kind of IDENTIFIER_KINDS) {
      for (const value of [...(stored.identifiers[kind] ?? [])].toReversed())
        found.name([kind, value], stored.lastSeenAt);
    }
    const { state, decidedBy: by, decidedAt: at, device } = stored;
    found.decision = { state, by, at, device };
    found.storedLasting = found.lasting;
    return found;
  }

  get state(): CandidateState {
    return this.decision?.state ?? 'new';
  }

  get lastSeenAt(): number {
    return this.#lastSeenAt;
  }

  /** Every identifier as a key of the index. */
  *keys(): Iterable<string> {
    for (const [kind, values] of this.#identifiers)
      for (const value of values.keys()) yield identifierKey(kind, value);
  }

  has([kind, value]: Named): boolean {
    return this.#identifiers.get(kind)?.has(value) === true;
  }

  /** When it was last seen under this identifier. */
  seenAs([kind, value]: Named): number {
    return this.#identifiers.get(kind)?.get(value) ?? 0;
  }

  /** Another value than its own of a kind that a thing has one of; the same MAC is the same thing, whatever it says. */
  clashes(named: readonly Named[]): boolean {
    if (named.some((name) => name[0] === 'mac' && this.has(name))) return false;
    return named.some(([kind, value]) => {
      const own = EXCLUSIVE_KINDS.includes(kind) ? this.#identifiers.get(kind) : undefined;
      return own !== undefined && own.size > 0 && !own.has(value);
    });
  }

  /** Its identifiers of the kinds that may clash. */
  exclusive(): readonly Named[] {
    return EXCLUSIVE_KINDS.flatMap((kind) =>
      [...(this.#identifiers.get(kind)?.keys() ?? [])].map((value) => [kind, value] as const),
    );
  }

  /** Takes an identifier; returns the one that had to go for it. */
  name([kind, value]: Named, ts: number): Named | undefined {
    const values = this.#identifiers.get(kind) ?? new Map<string, number>();
    this.#identifiers.set(kind, values);
    values.delete(value);
    values.set(value, ts);
    const [oldest] = values.keys();
    if (values.size <= DISCOVERY_VALUES_MAX || oldest === undefined) return undefined;
    values.delete(oldest);
    return [kind, oldest];
  }

  /** It is somebody else's now. */
  unname([kind, value]: Named): void {
    this.#identifiers.get(kind)?.delete(value);
  }

  /** How many identifiers it has that last: worth a write when there are more. */
  get lasting(): number {
    return ['mac', 'uuid', 'serial'].reduce(
      (sum, kind) => sum + (this.#identifiers.get(kind as IdentifierKind)?.size ?? 0),
      0,
    );
  }

  /** Everything of a sighting but its identifiers. True when something is new about the thing. */
  take(sighting: Sighting): boolean {
    this.#lastSeenAt = Math.max(this.#lastSeenAt, sighting.ts);
    this.#signalDbm = sighting.signalDbm ?? this.#signalDbm;
    this.#testify(sighting);
    const named = this.#takeNames(sighting.names);
    const described = this.#describe(sighting);
    const served = this.#takeServices(sighting.services);
    for (const [key, value] of Object.entries(sighting.attributes).slice(0, DISCOVERY_ATTRIBUTES_MAX))
      this.#attribute(clean(key), typeof value === 'string' ? clean(value) : value);
    for (const { profile, reason } of sighting.hints ?? [])
      if (this.hints.size < DISCOVERY_VALUES_MAX) this.hints.set(profile, { profile, reason: clean(reason) });
    const isNews = named || described || served;
    if (isNews) this.judged = false;
    return isNews;
  }

  /** The other turned out to be this one, too. */
  swallow(other: Found): void {
    this.#firstSeenAt = Math.min(this.#firstSeenAt, other.#firstSeenAt);
    this.#lastSeenAt = Math.max(this.#lastSeenAt, other.#lastSeenAt);
    this.#takeNames(other.#names);
    this.#manufacturer ??= other.#manufacturer;
    this.#model ??= other.#model;
    this.#takeServices([...other.#services]);
    this.#signalDbm ??= other.#signalDbm;
    for (const [key, value] of other.#attributes) if (!this.#attributes.has(key)) this.#attribute(key, value);
    for (const [key, evidence] of other.#evidence) this.#evidence.set(key, evidence);
    trim(this.#evidence, DISCOVERY_EVIDENCE_MAX);
    for (const [profile, hint] of other.hints) this.hints.set(profile, hint);
    for (const [kind, values] of other.#identifiers)
      for (const [value, ts] of values) if (!this.has([kind, value])) this.name([kind, value], ts);
    this.judged = false;
  }

  /** A value that fits any of several searches, once. */
  get words(): readonly string[] {
    const maker = [this.#manufacturer, this.#model].filter((text) => text !== undefined);
    return [this.id, ...this.#names, ...maker, ...this.#services, ...this.#allValues()];
  }

  seenBy(scanner: string): boolean {
    return [...this.#evidence.values()].some((evidence) => evidence.scanner === scanner);
  }

  show(): Candidate {
    const { decision } = this;
    return {
      id: this.id,
      state: this.state,
      name: this.#names[0] ?? this.#title(),
      names: [...this.#names],
      manufacturer: this.#manufacturer,
      model: this.#model,
      identifiers: this.#shownIdentifiers(),
      services: [...this.#services],
      attributes: Object.fromEntries(this.#attributes),
      signalDbm: this.#signalDbm,
      evidence: [...this.#evidence.values()],
      suggestion: this.suggestion,
      conflicts: [...this.conflicts],
      firstSeenAt: this.#firstSeenAt,
      lastSeenAt: this.#lastSeenAt,
      device: decision?.device,
      decidedBy: decision?.by,
      decidedAt: decision?.at,
    };
  }

  /** As it goes to disk with this decision. */
  stored(decision: Decision): StoredCandidate {
    this.storedLasting = this.lasting;
    return {
      id: this.id,
      state: decision.state,
      names: [...this.#names],
      manufacturer: this.#manufacturer,
      model: this.#model,
      identifiers: this.#shownIdentifiers(),
      services: [...this.#services],
      firstSeenAt: this.#firstSeenAt,
      lastSeenAt: this.#lastSeenAt,
      device: decision.device,
      decidedBy: decision.by,
      decidedAt: decision.at,
    };
  }

  #takeNames(names: readonly string[]): boolean {
    const fresh = names.map(clean).filter((name) => name !== '' && !this.#names.includes(name));
    if (fresh.length === 0) return false;
    const before = this.#names.length;
    this.#names = [...this.#names, ...new Set(fresh)].slice(0, DISCOVERY_VALUES_MAX);
    return this.#names.length > before;
  }

  /** The first word stands: a second scanner that knows less must not overwrite it, a liar not flip it. */
  #describe({ manufacturer, model }: Sighting): boolean {
    const before = [this.#manufacturer, this.#model];
    this.#manufacturer ??= manufacturer === undefined ? undefined : clean(manufacturer) || undefined;
    this.#model ??= model === undefined ? undefined : clean(model) || undefined;
    return this.#manufacturer !== before[0] || this.#model !== before[1];
  }

  #takeServices(services: readonly string[]): boolean {
    const before = this.#services.size;
    for (const service of services.map(clean))
      if (service !== '' && this.#services.size < DISCOVERY_SERVICES_MAX) this.#services.add(service);
    return this.#services.size > before;
  }

  #attribute(key: string, value: Scalar): void {
    if (key === '' || isReservedKey(key)) return;
    if (this.#attributes.has(key) || this.#attributes.size < DISCOVERY_ATTRIBUTES_MAX)
      this.#attributes.set(key, value);
  }

  #testify({ scanner, evidence, ts }: Sighting): void {
    const text = clean(evidence);
    const key = `${scanner} ${text}`;
    const earlier = this.#evidence.get(key);
    this.#evidence.delete(key);
    const { firstSeenAt = ts, count = 0 } = earlier ?? {};
    this.#evidence.set(key, { scanner, text, firstSeenAt, lastSeenAt: ts, count: count + 1 });
    trim(this.#evidence, DISCOVERY_EVIDENCE_MAX);
  }

  /** For people, where nobody gave it a name. */
  #title(): string {
    const made = [this.#manufacturer, this.#model].filter((text) => text !== undefined).join(' ');
    if (made !== '') return made;
    const [value] = ['hostName', 'ip', 'mac', 'serial', 'port', 'uuid'].flatMap((kind) => [
      ...(this.#identifiers.get(kind as IdentifierKind)?.keys() ?? []),
    ]);
    return value ?? this.id;
  }

  #shownIdentifiers(): Candidate['identifiers'] {
    const shown: Partial<Record<IdentifierKind, readonly string[]>> = {};
    for (const kind of IDENTIFIER_KINDS) {
      const values = this.#identifiers.get(kind);
      if (values !== undefined && values.size > 0) shown[kind] = [...values.keys()].toReversed();
    }
    return shown;
  }

  *#allValues(): Iterable<string> {
    for (const values of this.#identifiers.values()) yield* values.keys();
  }
}

function trim(map: Map<string, unknown>, max: number): void {
  for (const key of map.keys()) {
    if (map.size <= max) return;
    map.delete(key);
  }
}
