import { MQTT_CONNECTIONS_MAX } from '../../base/limits.ts';
import type { Device } from '../../model/device.ts';
import type { Registry } from '../../model/ports/registry.ts';

/**
 * Remembers on what the topic rules of connected devices were compiled, so that a change of attributes or names does not
 * make every session compile again. Bounded: whoever fell out is told once too often, never once too few.
 */
export class PolicyWatch {
  readonly #compiledOn = new Map<string, string>();

  compiled(device: Device): void {
    this.#compiledOn.delete(device.id);
    this.#compiledOn.set(device.id, fingerprint(device));
    if (this.#compiledOn.size <= MQTT_CONNECTIONS_MAX) return;
    const oldest = this.#compiledOn.keys().next();
    if (oldest.done !== true) this.#compiledOn.delete(oldest.value);
  }

  forget(id: string): void {
    this.#compiledOn.delete(id);
  }

  /** Must sessions of this device compile their rules again? */
  isStale(device: Device): boolean {
    return this.#compiledOn.get(device.id) !== fingerprint(device);
  }

  /** What changed while nobody listened to the registry. */
  review(registry: Pick<Registry, 'get'>): {
    readonly gone: readonly string[];
    readonly stale: readonly string[];
  } {
    const gone: string[] = [];
    const stale: string[] = [];
    for (const id of this.#compiledOn.keys()) {
      const device = registry.get(id);
      if (device === undefined) gone.push(id);
      else if (this.isStale(device)) stale.push(id);
    }
    return { gone, stale };
  }
}

const fingerprint = ({ createdAt, gateway, preset, topicBase }: Device): string =>
  JSON.stringify([createdAt, gateway, preset, topicBase]);
