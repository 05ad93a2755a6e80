import { DEVICE_PAGE_DEFAULT, DEVICE_PAGE_MAX } from '../../base/limits.ts';
import type { Device } from '../../model/device.ts';
import type { DevicePage, DeviceQuery } from '../../model/ports/registry.ts';
import { PostingLists } from './posting-lists.ts';
import { SortedList } from './sorted-list.ts';
import { folded, TEXT_BREAK, trigramsOf } from './trigrams.ts';

/** What lists hold: one object for the life of a device, whatever becomes of it. */
interface Entry {
  readonly id: string;
  device: Device;
  /** Id and name, folded. */
  text: string;
}

type Facet = 'parent' | 'profile' | 'tag' | 'group';

const NONE: readonly string[] = [];
const keysOf: Readonly<Record<Facet, (device: Device) => readonly string[]>> = {
  parent: ({ parent }) => (parent === undefined ? NONE : [parent]),
  profile: ({ profile }) => [profile],
  tag: ({ tags = NONE }) => tags,
  group: ({ groups = NONE }) => groups,
};
const FACETS: readonly Facet[] = ['parent', 'profile', 'tag', 'group'];

/**
 * The devices in memory: by id, in id order for paging, by what they are filtered by, by parts of their names, by
 * identifier. Promises lookups in constant time, pages that neither skip nor repeat a device while others come and go,
 * and filters that look at no more devices than the rarest of what was asked for has. Knows nothing of disks or rules.
 */
export class DeviceIndex {
  readonly #byId = new Map<string, Entry>();
  readonly #order = new SortedList<Entry>();
  readonly #facets: Readonly<Record<Facet, PostingLists<string, Entry>>> = {
    parent: new PostingLists(),
    profile: new PostingLists(),
    tag: new PostingLists(),
    group: new PostingLists(),
  };
  readonly #trigrams = new PostingLists<number, Entry>();
  readonly #byIdentifier = new Map<string, Entry>();

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): Device | undefined {
    return this.#byId.get(id)?.device;
  }

  /** How many have it: children of a gateway, devices of a profile, members of a group. */
  count(facet: Facet, key: string): number {
    return this.#facets[facet].count(key);
  }

  /** The device known by `scheme:value`. */
  identified(identifier: string): Device | undefined {
    return this.#byIdentifier.get(identifier)?.device;
  }

  put(device: Device): void {
    const known = this.#byId.get(device.id);
    if (known === undefined) this.#add(device);
    else this.#move(known, device);
  }

  remove(id: string): void {
    const entry = this.#byId.get(id);
    if (entry === undefined) return;
    this.#byId.delete(id);
    this.#order.remove(entry);
    this.#move(entry, undefined);
  }

  list(query: DeviceQuery): DevicePage {
    const { after, limit } = query;
    const size = pageSize(limit);
    if (query.identifier !== undefined) return this.#identifiedPage(query.identifier, query);
    const lists = this.#listsOf(query);
    if (lists === undefined) return { devices: [], total: 0 };
    const shortest = lists.reduce((a, b) => (b.size < a.size ? b : a), this.#order);
    const isExact = lists.length <= 1 && isWithoutText(query);
    return isExact ? slice(shortest, after, size) : walk(shortest, query, size);
  }

  /** The lists that what is asked for is in; undefined where one of them does not exist. */
  #listsOf({ text, parent, profile, tags = [], group }: DeviceQuery): SortedList<Entry>[] | undefined {
    const { parent: parents, profile: profiles, tag: tagged, group: grouped } = this.#facets;
    const asked = [
      ...(parent === undefined ? [] : [parents.get(parent)]),
      ...(profile === undefined ? [] : [profiles.get(profile)]),
      ...tags.map((tag) => tagged.get(tag)),
      ...(group === undefined ? [] : [grouped.get(group)]),
      ...Array.from(trigramsOf(folded(text ?? '')), (trigram) => this.#trigrams.get(trigram)),
    ];
    const lists = asked.filter((list) => list !== undefined);
    return lists.length === asked.length ? lists : undefined;
  }

  #identifiedPage(identifier: string, query: DeviceQuery): DevicePage {
    const entry = this.#byIdentifier.get(identifier);
    if (entry === undefined || !matcher(query)(entry)) return { devices: [], total: 0 };
    const isAfter = query.after === undefined || entry.id > query.after;
    return { devices: isAfter ? [entry.device] : [], total: 1 };
  }

  #add(device: Device): void {
    const entry: Entry = { id: device.id, device, text: textOf(device) };
    this.#byId.set(entry.id, entry);
    this.#order.add(entry);
    for (const facet of FACETS) this.#facets[facet].add(entry, keysOf[facet](device));
    this.#trigrams.add(entry, trigramsOf(entry.text));
    for (const identifier of identifiersOf(device)) this.#byIdentifier.set(identifier, entry);
  }

  /** To what it is now; undefined: nothing any more. */
  #move(entry: Entry, now: Device | undefined): void {
    const before = entry.device;
    for (const facet of FACETS) {
      const had = keysOf[facet](before);
      const has = now === undefined ? NONE : keysOf[facet](now);
      if (!isSameList(had, has)) this.#facets[facet].move(entry, had, has);
    }
    if (before.name !== now?.name) {
      const text = now === undefined ? '' : textOf(now);
      this.#trigrams.move(entry, trigramsOf(entry.text), trigramsOf(text));
      entry.text = text;
    }
    if (before.identifiers !== now?.identifiers) {
      for (const identifier of identifiersOf(before)) this.#byIdentifier.delete(identifier);
      for (const identifier of identifiersOf(now)) this.#byIdentifier.set(identifier, entry);
    }
    if (now !== undefined) entry.device = now;
  }
}

/** `scheme:value` of each. */
export const identifiersOf = (device: Pick<Device, 'identifiers'> | undefined): readonly string[] =>
  device?.identifiers === undefined
    ? NONE
    : Object.entries(device.identifiers).map(([scheme, value]) => `${scheme}:${value}`);

const textOf = ({ id, name }: Device): string => folded(name === id ? id : `${id}${TEXT_BREAK}${name}`);

const isSameList = (a: readonly string[], b: readonly string[]): boolean =>
  a === b || (a.length === b.length && a.every((key, at) => key === b[at]));

const isWithoutText = ({ text = '' }: DeviceQuery): boolean => text === '';

function slice(list: SortedList<Entry>, after: string | undefined, size: number): DevicePage {
  const start = after === undefined ? 0 : list.after(after);
  const devices = list.items.slice(start, start + size).map(({ device }) => device);
  const next = start + size < list.size ? devices.at(-1)?.id : undefined;
  return { devices, total: list.size, next };
}

function walk(list: SortedList<Entry>, query: DeviceQuery, size: number): DevicePage {
  const { after } = query;
  const fits = matcher(query);
  const devices: Device[] = [];
  let total = 0;
  let more = false;
  for (const entry of list.items) {
    if (!fits(entry)) continue;
    const { id, device } = entry;
    total += 1;
    if (after !== undefined && id <= after) continue;
    if (devices.length < size) devices.push(device);
    else more = true;
  }
  return { devices, total, next: more ? devices.at(-1)?.id : undefined };
}

function pageSize(limit: number | undefined): number {
  if (limit === undefined || !Number.isFinite(limit)) return DEVICE_PAGE_DEFAULT;
  return Math.min(Math.max(1, Math.floor(limit)), DEVICE_PAGE_MAX);
}

function matcher({ text = '', parent, profile, tags = [], group }: DeviceQuery): (entry: Entry) => boolean {
  const needle = folded(text);
  return ({ device, text: found }) =>
    (profile === undefined || device.profile === profile) &&
    (parent === undefined || device.parent === parent) &&
    (group === undefined || device.groups?.includes(group) === true) &&
    tags.every((tag) => device.tags?.includes(tag) === true) &&
    found.includes(needle);
}
