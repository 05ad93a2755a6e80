import { DEVICE_PAGE_DEFAULT, DEVICE_PAGE_MAX } from '../../base/limits.ts';
import type { Device } from '../../model/device.ts';
import type { DevicePage, DeviceQuery } from '../../model/ports/registry.ts';

/**
 * The devices in memory: by id, in id order for paging, and by parent. Promises lookups in constant time and pages
 * that neither skip nor repeat a device while others come and go. Knows nothing of disks or rules.
 */
export class DeviceIndex {
  readonly #byId = new Map<string, Device>();
  readonly #children = new Map<string, Set<string>>();
  /** Sorted by code unit, the order of the cursor. */
  readonly #ids: string[] = [];

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): Device | undefined {
    return this.#byId.get(id);
  }

  childCount(id: string): number {
    return this.#children.get(id)?.size ?? 0;
  }

  put(device: Device): void {
    const known = this.#byId.has(device.id);
    this.#byId.set(device.id, device);
    if (known) return;
    const last = this.#ids.at(-1);
    if (last === undefined || last < device.id) this.#ids.push(device.id);
    else this.#ids.splice(this.#after(device.id), 0, device.id);
    if (device.parent !== undefined) {
      const siblings = this.#children.get(device.parent);
      if (siblings === undefined) this.#children.set(device.parent, new Set([device.id]));
      else siblings.add(device.id);
    }
  }

  remove(id: string): void {
    const device = this.#byId.get(id);
    if (device === undefined) return;
    this.#byId.delete(id);
    this.#ids.splice(this.#after(id) - 1, 1);
    if (device.parent === undefined) return;
    const siblings = this.#children.get(device.parent);
    siblings?.delete(id);
    if (siblings?.size === 0) this.#children.delete(device.parent);
  }

  list({ text, parent, profile, after, limit }: DeviceQuery): DevicePage {
    const size = pageSize(limit);
    const ids = parent === undefined ? this.#ids : this.#childIds(parent);
    if (text === undefined && profile === undefined) return this.#slice(ids, after, size);
    const needle = text?.toLowerCase();
    const devices: Device[] = [];
    let total = 0;
    let more = false;
    for (const id of ids) {
      const device = this.#byId.get(id);
      if (device === undefined || !matches(device, needle, profile)) continue;
      total += 1;
      if (after !== undefined && id <= after) continue;
      if (devices.length < size) devices.push(device);
      else more = true;
    }
    return { devices, total, next: more ? devices.at(-1)?.id : undefined };
  }

  #slice(ids: readonly string[], after: string | undefined, size: number): DevicePage {
    const start = after === undefined ? 0 : upperBound(ids, after);
    const devices = ids.slice(start, start + size).flatMap((id) => this.#byId.get(id) ?? []);
    const next = start + size < ids.length ? devices.at(-1)?.id : undefined;
    return { devices, total: ids.length, next };
  }

  #childIds(parent: string): readonly string[] {
    return [...(this.#children.get(parent) ?? [])].toSorted(byCodeUnit);
  }

  #after(id: string): number {
    return upperBound(this.#ids, id);
  }
}

/** Index of the first id greater than `id`. */
function upperBound(ids: readonly string[], id: string): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = ids[middle];
    if (at !== undefined && at <= id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The order of `<`, which the cursor compares with; not that of a language. */
const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : 1);

function pageSize(limit: number | undefined): number {
  if (limit === undefined || !Number.isFinite(limit)) return DEVICE_PAGE_DEFAULT;
  return Math.min(Math.max(1, Math.floor(limit)), DEVICE_PAGE_MAX);
}

function matches(device: Device, needle: string | undefined, profile: string | undefined): boolean {
  if (profile !== undefined && device.profile !== profile) return false;
  if (needle === undefined || needle === '') return true;
  if (device.id.toLowerCase().includes(needle)) return true;
  return device.name !== device.id && device.name.toLowerCase().includes(needle);
}
