import {
  DEVICE_HISTORY_MAX,
  DEVICE_HISTORY_VALUE_MAX_CHARS,
  REMOVED_HISTORIES_MAX,
} from '../../base/limits.ts';
import type { Device } from '../../model/device.ts';
import type { DeviceChange } from '../../model/device-history.ts';
import type { StateStore, StateTable } from '../../model/ports/state.ts';

/** A change as it is asked for: what was, what is. */
export interface Change {
  readonly before: Device | undefined;
  readonly after: Device | undefined;
  readonly by: string;
  readonly at: number;
}

const FIELDS = [
  'name',
  'profile',
  'gateway',
  'parent',
  'preset',
  'topicBase',
  'tags',
  'groups',
  'identifiers',
] as const;
const SEPARATOR = '/';

/**
 * The history of each device, on disk only: `{id}/{number}` to a change, the oldest beyond DEVICE_HISTORY_MAX gone. It
 * outlives its device, of REMOVED_HISTORIES_MAX of them. Callers put a change into the same batch as the change itself.
 */
export class ChangeBook {
  readonly #changes: StateTable<DeviceChange>;
  /** `{time}/{id}` of devices that are gone, so that those gone for longest come first. */
  readonly #gone: StateTable<string>;

  constructor(state: StateStore) {
    this.#changes = state.table<DeviceChange>('device-history');
    this.#gone = state.table<string>('device-history-gone');
  }

  /** Newest first. */
  of(id: string): readonly DeviceChange[] {
    return this.#entriesOf(id)
      .map(([, change]) => change)
      .toReversed();
  }

  /** Reads what it needs now; the function it returns writes, inside a batch. One at a time for each device. */
  prepare({ before, after, by, at }: Change): () => void {
    const id = (after ?? before)?.id ?? '';
    const kept = this.#entriesOf(id);
    const [lastKey, last] = kept.at(-1) ?? ['', undefined];
    const number = Number(lastKey.slice(id.length + 1)) + 1;
    const version = (after ?? before)?.version ?? 0;
    const kind = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
    const change: DeviceChange = {
      at,
      by,
      kind,
      version,
      changes: kind === 'removed' ? {} : differences(before, after),
    };
    const surplus = kept.slice(0, Math.max(0, kept.length + 1 - DEVICE_HISTORY_MAX)).map(([key]) => key);
    const forgotten = kind === 'removed' ? this.#longestGone() : undefined;
    if (forgotten !== undefined) surplus.push(...this.#entriesOf(forgotten.id).map(([key]) => key));
    const mark = kind === 'added' && last?.kind === 'removed' ? goneKey(last.at, id) : forgotten?.mark;
    return () => {
      for (const key of surplus) void this.#changes.remove(key);
      void this.#changes.put(`${id}${SEPARATOR}${String(number).padStart(10, '0')}`, change);
      if (mark !== undefined) void this.#gone.remove(mark);
      if (kind === 'removed') void this.#gone.put(goneKey(at, id), id);
    };
  }

  #entriesOf(id: string): (readonly [string, DeviceChange])[] {
    return [...this.#changes.entries({ prefix: `${id}${SEPARATOR}` })];
  }

  /** The device whose history makes room when one more is gone. */
  #longestGone(): { readonly mark: string; readonly id: string } | undefined {
    if (this.#gone.count < REMOVED_HISTORIES_MAX) return undefined;
    const [oldest] = this.#gone.entries({ limit: 1 });
    return oldest && { mark: oldest[0], id: oldest[1] };
  }
}

const goneKey = (at: number, id: string): string => `${String(at).padStart(15, '0')}${SEPARATOR}${id}`;

/** By field; what is new of a new device is what it has. */
function differences(before: Device | undefined, after: Device | undefined): DeviceChange['changes'] {
  const changes: Record<string, { from?: unknown; to?: unknown }> = {};
  const compare = (field: string, from: unknown, to: unknown): void => {
    if (JSON.stringify(from) === JSON.stringify(to)) return;
    changes[field] = {
      ...(from === undefined ? {} : { from: cut(from) }),
      ...(to === undefined ? {} : { to: cut(to) }),
    };
  };
  for (const field of FIELDS) {
    const isDefault = before === undefined && (after?.[field] === false || after?.[field] === after?.id);
    if (!isDefault) compare(field, before?.[field], after?.[field]);
  }
  const [had, has] = [before?.attributes ?? {}, after?.attributes ?? {}];
  for (const name of new Set([...Object.keys(had), ...Object.keys(has)]))
    compare(`attributes.${name}`, had[name], has[name]);
  return changes;
}

function cut(value: unknown): unknown {
  const text = JSON.stringify(value);
  return text.length <= DEVICE_HISTORY_VALUE_MAX_CHARS
    ? value
    : `${text.slice(0, DEVICE_HISTORY_VALUE_MAX_CHARS)}…`;
}
