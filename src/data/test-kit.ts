import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ok } from '../base/result.ts';
import type { Device, DeviceInput } from '../model/device.ts';
import { problem } from '../model/errors.ts';
import type { DataPacket, LogRecord, Offset } from '../model/packet.ts';
import type { LogReader } from '../model/ports/log.ts';
import type { Registry, RegistryChange } from '../model/ports/registry.ts';
import type { Profile } from '../model/profile.ts';
import type { AnalysisState } from './pipeline/analyze/findings.ts';
import { Batch } from './pipeline/batch.ts';
import type { DeviceFacts } from './pipeline/device-entry.ts';
import { KnownDevices } from './pipeline/known-devices.ts';
import { Condemned, Pipeline } from './pipeline/pipeline.ts';
import { PresetNotes } from './pipeline/preset-notes.ts';
import type { Stage } from './pipeline/stage.ts';
import { KIND_BOOLEAN, SeriesDirectory } from './series.ts';

/** For tests of this folder: packets, a log and a registry in memory, a pipeline without a store. */

/** 2026-09-21T16:53:20Z, the start of a minute and 20 seconds. */
export const NOW = 1_790_000_000_000;

export function packet(origin: string, topic: string, payload: string | Uint8Array): DataPacket {
  return {
    origin: origin as DataPacket['origin'],
    topic,
    payload: typeof payload === 'string' ? Buffer.from(payload) : payload,
    receivedAt: NOW,
    qos: 1,
    format: 'auto',
    checked: false,
  };
}

export const telemetry = (device: string, values: unknown): DataPacket =>
  packet(device, `v1/${device}/telemetry`, typeof values === 'string' ? values : JSON.stringify(values));

export const facts = (id: string, more: Partial<DeviceFacts> = {}): DeviceFacts => ({
  id,
  profile: 'open',
  gateway: false,
  ...more,
});

interface KitOptions {
  readonly extraStages?: readonly Stage[];
  readonly analysis?: readonly AnalysisState[];
}

/** A pipeline over one batch, and what came out of it in words. */
export function pipelineKit(options: KitOptions = {}) {
  const batch = new Batch();
  const known = new KnownDevices();
  const series = new SeriesDirectory([]);
  const notes = new PresetNotes([]);
  const condemned = new Condemned();
  const bugs: unknown[] = [];
  const pipeline = new Pipeline({
    batch,
    known,
    series,
    notes,
    analysis: options.analysis ?? [],
    condemned,
    onBug: (cause) => bugs.push(cause),
    extraStages: options.extraStages,
  });
  let offset = 0;
  const take = (sent: DataPacket): void => {
    pipeline.take(Object.assign(sent, { offset }));
    offset += 1;
  };
  const idle = (now: number): number => pipeline.idle(now);
  const stored = (): unknown[] => {
    const { numbers, texts } = batch;
    const rows: unknown[] = [];
    for (let row = 0; row < numbers.size; row += 1) {
      const one = series.get(numbers.series[row] ?? -1);
      const value = numbers.value[row];
      rows.push([
        one?.device,
        one?.metric,
        numbers.ts[row],
        one?.kind === KIND_BOOLEAN ? value !== 0 : value,
      ]);
    }
    for (let row = 0; row < texts.size; row += 1) {
      const one = series.get(texts.series[row] ?? -1);
      rows.push([one?.device, one?.metric, texts.ts[row], texts.text[row]]);
    }
    return rows;
  };
  const refused = (): unknown[] => batch.quarantine.map(({ device, index, code }) => [device, index, code]);
  return { batch, known, series, notes, condemned, bugs, take, idle, stored, refused };
}

/** A log in memory: blocks of records, as a reader sees them. */
export class MemoryLog implements LogReader {
  readonly first = 0;
  readonly records: LogRecord[] = [];
  /** Reading at or beyond this offset fails as a damaged block does. */
  damagedFrom = Number.POSITIVE_INFINITY;
  readonly #blockSize: number;
  #end: number | undefined;

  constructor(blockSize = 100) {
    this.#blockSize = blockSize;
  }

  append(sent: DataPacket): Offset {
    const offset = this.records.length;
    this.records.push({ ...sent, offset });
    return offset;
  }

  read(from: Offset, _maxBytes: number, each: (record: LogRecord) => void): Offset {
    if (from >= this.damagedFrom) throw problem('log.corrupt', `block at ${from}`);
    const end = Math.min(from + this.#blockSize, this.#end ?? this.records.length, this.damagedFrom);
    this.#end = undefined;
    for (const record of this.records.slice(from, end)) each(record);
    return end;
  }

  snapshot(): void {
    this.#end = this.records.length;
  }

  async close(): Promise<void> {}
}

/** A registry in memory; only what the data room asks of it. */
export class MemoryRegistry implements Registry {
  readonly reports: (readonly [string, unknown])[] = [];
  readonly #devices = new Map<string, Device>();
  readonly #profiles = new Map<string, Profile>();
  readonly #listeners = new Set<(change: RegistryChange) => void>();

  get size(): number {
    return this.#devices.size;
  }

  get(id: string): Device | undefined {
    return this.#devices.get(id);
  }

  list(): ReturnType<Registry['list']> {
    return { devices: [...this.#devices.values()], total: this.#devices.size };
  }

  async add(input: DeviceInput): ReturnType<Registry['add']> {
    if (this.#devices.has(input.id)) return { ok: false, error: problem('device.exists', input.id) };
    const device = {
      ...input,
      name: input.name ?? input.id,
      profile: input.profile ?? 'open',
      gateway: input.gateway ?? false,
      attributes: {},
      createdAt: NOW,
      updatedAt: NOW,
      version: 1,
    } as Device;
    this.#devices.set(device.id, device);
    this.tell({ kind: 'device-put', device, added: true });
    return ok(device);
  }

  async update(): ReturnType<Registry['update']> {
    return { ok: false, error: problem('device.unknown', 'not in this registry') };
  }

  async remove(id: string): ReturnType<Registry['remove']> {
    const device = this.#devices.get(id);
    if (device === undefined) return { ok: false, error: problem('device.unknown', id) };
    this.#devices.delete(id);
    this.tell({ kind: 'device-removed', id: device.id });
    return ok(device);
  }

  async report(id: string, attributes: Readonly<Record<string, unknown>>): Promise<void> {
    this.reports.push([id, attributes]);
  }

  profile(id: string): Profile | undefined {
    return this.#profiles.get(id);
  }

  profiles(): readonly Profile[] {
    return [...this.#profiles.values()];
  }

  async putProfile(input: Parameters<Registry['putProfile']>[0]): ReturnType<Registry['putProfile']> {
    const profile = input as Profile;
    this.#profiles.set(profile.id, profile);
    this.tell({ kind: 'profile-put', profile });
    return ok(profile);
  }

  onChange(listener: (change: RegistryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(change: RegistryChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

/** A folder that goes away with the test. */
export async function tempDir(): Promise<{ readonly path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'sensorium-data-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Resolves when `check` holds; the test's own timeout is the bound. */
export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}
