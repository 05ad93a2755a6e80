import { DEVICE_SNAPSHOT_PAGE } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import type { Device } from '../model/device.ts';
import type { Registry, RegistryChange } from '../model/ports/registry.ts';
import type { ChildAdmission } from './pipeline/batch.ts';
import type { DeviceFacts } from './pipeline/device-entry.ts';
import type { Effects, ToWorker } from './protocol.ts';

/** What the pipeline needs to know of a device. */
export const toFacts = ({ id, profile, gateway, parent, preset, topicBase }: Device): DeviceFacts => ({
  id,
  profile,
  gateway,
  parent,
  preset,
  topicBase,
});

/** Tells the worker of the registry, all of it once and then every change; carries out what the worker asks of it. */
export class RegistryFeed {
  readonly #registry: Registry;
  readonly #logger: Logger;

  constructor(registry: Registry, logger: Logger) {
    this.#registry = registry;
    this.#logger = logger;
  }

  /** Returns the end of it. Changes that come while the snapshot is sent are newer, and sent later. */
  start(post: (message: ToWorker) => void): () => void {
    const end = this.#registry.onChange((change) => {
      const message = toMessage(change);
      if (message !== undefined) post(message);
    });
    post({ kind: 'profiles', profiles: this.#registry.profiles() });
    let after: string | undefined;
    do {
      const page = this.#registry.list({ after, limit: DEVICE_SNAPSHOT_PAGE });
      if (page.devices.length > 0) post({ kind: 'devices', devices: page.devices.map(toFacts) });
      after = page.next;
    } while (after !== undefined);
    return end;
  }

  /** Registers children and reports attributes, durably. Returns the ids of children that were refused. */
  async carryOut(effects: Effects): Promise<readonly string[]> {
    const admitted = await Promise.all(effects.children.map((child) => this.#admit(child)));
    for (const { device, values } of effects.attributes) {
      try {
        await this.#registry.report(device, values);
      } catch (cause) {
        this.#logger.error({ err: cause, device }, 'attributes could not be kept');
      }
    }
    return effects.children.filter((_, index) => admitted[index] === false).map(({ id }) => id);
  }

  async #admit({ id, parent, name }: ChildAdmission): Promise<boolean> {
    try {
      const added = await this.#registry.add({ id, parent, name: name.slice(0, 256) }, parent);
      // A crash may have come between the registration and the commit of the packet that asked for it.
      if (added.ok || this.#registry.get(id)?.parent === parent) return true;
      this.#logger.warn({ code: added.error.code, device: id, parent }, 'child could not be registered');
    } catch (cause) {
      this.#logger.error({ err: cause, device: id, parent }, 'child could not be registered');
    }
    return false;
  }
}

function toMessage(change: RegistryChange): ToWorker | undefined {
  switch (change.kind) {
    case 'device-put':
      return { kind: 'devices', devices: [toFacts(change.device)] };
    case 'device-removed':
      return { kind: 'device-removed', id: change.id };
    case 'profile-put':
      return { kind: 'profiles', profiles: [change.profile] };
    case 'profile-removed':
      // No device has it any more; one that gets it again gets it anew.
      return undefined;
  }
}
