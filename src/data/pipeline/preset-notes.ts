import { PRESET_MEMORY_MAX_ENTRIES, PRESET_MEMORY_VALUE_MAX_CHARS } from '../../base/limits.ts';
import type { PresetMemory } from '../payload/sink.ts';

export interface Note {
  readonly device: string;
  readonly key: string;
  /** Undefined = forgotten. */
  readonly value: string | undefined;
}

/** What presets remember, per device; changes are committed together with the readings of the same packets. */
export class PresetNotes {
  readonly #notes = new Map<string, Map<string, string>>();
  #count = 0;
  #changes: Note[] = [];

  constructor(known: Iterable<Note>) {
    for (const note of known) this.#apply(note);
  }

  of(device: string): PresetMemory {
    return {
      get: (key) => this.#notes.get(device)?.get(key),
      set: (key, value) => {
        if (value !== undefined && value.length > PRESET_MEMORY_VALUE_MAX_CHARS) return;
        if (this.#notes.get(device)?.get(key) === value) return;
        // Full: a new announcement is not remembered, so that it is not understood later; the old ones are.
        if (value !== undefined && this.#count >= PRESET_MEMORY_MAX_ENTRIES) return;
        this.#apply({ device, key, value });
        this.#changes.push({ device, key, value });
      },
    };
  }

  *all(): Generator<Note> {
    for (const [device, notes] of this.#notes) for (const [key, value] of notes) yield { device, key, value };
  }

  takeChanges(): readonly Note[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  #apply({ device, key, value }: Note): void {
    const notes = this.#notes.get(device) ?? new Map<string, string>();
    const before = notes.size;
    if (value === undefined) notes.delete(key);
    else notes.set(key, value);
    this.#count += notes.size - before;
    if (notes.size > 0) this.#notes.set(device, notes);
    else this.#notes.delete(device);
  }
}
