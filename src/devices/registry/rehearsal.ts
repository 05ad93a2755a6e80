import { err, ok, type Result } from '../../base/result.ts';
import type { Device, DeviceInput } from '../../model/device.ts';
import type { SensoriumError } from '../../model/errors.ts';
import type { Rehearsal, RowOutcome } from '../../model/ports/device-administration.ts';
import { DeviceDrafts, type Surroundings } from './device-drafts.ts';
import { identifiersOf } from './device-index.ts';
import { checkDeviceInput } from './device-rules.ts';

/**
 * A file of devices that is tried and not written: the registry of now, and above it what the rows before would have
 * made. Holds one draft per row, DEVICES_MAX of new devices.
 */
export class RegistryRehearsal implements Rehearsal {
  readonly #around: Surroundings;
  readonly #drafts: DeviceDrafts;
  readonly #devices = new Map<string, Device>();
  readonly #identified = new Map<string, Device>();
  readonly #children = new Map<string, number>();
  #added = 0;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#drafts = new DeviceDrafts({
      ...around,
      device: (id) => this.#device(id),
      identified: (identifier) => this.#identified.get(identifier) ?? around.identified(identifier),
      children: (id) => around.children(id) + (this.#children.get(id) ?? 0),
      size: () => around.size() + this.#added,
    });
  }

  async judge(
    input: DeviceInput,
    { update }: { readonly update: boolean },
  ): Promise<Result<RowOutcome, SensoriumError>> {
    const id = await checkDeviceInput(input);
    if (!id.ok) return id;
    const known = this.#device(id.value);
    const { id: _, ...patch } = input;
    const draft =
      known === undefined || !update
        ? this.#drafts.added(id.value, input)
        : this.#drafts.changed(known, patch);
    if (!draft.ok) return err(draft.error);
    this.#keep(draft.value, known);
    if (known === undefined) return ok('added');
    return ok(draft.value === known ? 'unchanged' : 'changed');
  }

  #device(id: string): Device | undefined {
    return this.#devices.get(id) ?? this.#around.device(id);
  }

  #keep(draft: Device, known: Device | undefined): void {
    this.#devices.set(draft.id, draft);
    for (const identifier of identifiersOf(draft)) this.#identified.set(identifier, draft);
    if (known === undefined) this.#added += 1;
    if (draft.parent === known?.parent) return;
    this.#count(draft.parent, 1);
    this.#count(known?.parent, -1);
  }

  #count(gateway: string | undefined, change: number): void {
    if (gateway !== undefined) this.#children.set(gateway, (this.#children.get(gateway) ?? 0) + change);
  }
}
