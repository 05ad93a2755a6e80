import { ROUTE_CACHE_MAX } from '../../base/limits.ts';
import type { ErrorCode } from '../../model/errors.ts';
import { isDeviceId } from '../../model/ids.ts';
import { parseOwnTopic } from '../../model/topics.ts';
import type { ChildAdmission } from './batch.ts';
import type { DeviceDirectory } from './device-directory.ts';
import type { DeviceEntry } from './device-entry.ts';
import type { KnownDevices } from './known-devices.ts';

/** What a packet is, by who sent it and on which topic. */
export type Route =
  | { readonly kind: 'telemetry' | 'attributes' | 'preset'; readonly device: DeviceEntry }
  /** Carries no readings: commands, twins, messages of users, foreign topics of devices without a preset. */
  | { readonly kind: 'forward' }
  | Refusal;

export interface Refusal {
  readonly kind: 'refuse';
  readonly device: string;
  readonly code: ErrorCode;
  readonly message: string;
}

interface RouterOptions {
  readonly known: KnownDevices;
  readonly directory: DeviceDirectory;
  readonly admit: (child: ChildAdmission) => void;
}

const FORWARD: Route = { kind: 'forward' };

/** Finds the device whose readings a packet carries: connectivity identity in, data identity out. */
export class Router {
  readonly #known: KnownDevices;
  readonly #directory: DeviceDirectory;
  readonly #admit: (child: ChildAdmission) => void;
  readonly #cache = new Map<string, Map<string, Route>>();
  #cached = 0;
  #revision = -1;

  constructor(options: RouterOptions) {
    this.#known = options.known;
    this.#directory = options.directory;
    this.#admit = options.admit;
  }

  route(origin: string, topic: string): Route {
    if (this.#revision !== this.#directory.revision) this.#forget();
    const known = this.#cache.get(origin)?.get(topic);
    if (known !== undefined) return known;
    const found = this.#find(origin, topic);
    this.#remember(origin, topic, found);
    return found;
  }

  /** A child by id, admitted when the gateway may have it; else why not. */
  child(gateway: DeviceEntry, id: string, name: string): DeviceEntry | Refusal {
    const device = this.#directory.get(id);
    if (device === gateway) return device;
    if (device !== undefined) {
      if (device.facts.parent === gateway.facts.id) return device;
      return refuse(id, 'gateway.child_foreign', `${id} is no child of ${gateway.facts.id}`);
    }
    const { id: parent, gateway: isGateway, preset } = gateway.facts;
    if (!isGateway && preset === undefined) {
      return refuse(parent, 'gateway.required', `${parent} is no gateway and has no child ${id}`);
    }
    if (!isDeviceId(id))
      return refuse(parent, 'device.id_invalid', `child ${JSON.stringify(id.slice(0, 64))}`);
    if (!this.#known.mayHaveMoreChildren(parent)) {
      return refuse(parent, 'gateway.too_many_children', `${parent} has no room for ${id}`);
    }
    this.#known.admit({ id, parent, profile: 'open', gateway: false });
    this.#admit({ id, parent, name });
    return this.#directory.get(id) ?? refuse(id, 'device.unknown', id);
  }

  #find(origin: string, topic: string): Route {
    if (origin.startsWith('@')) return FORWARD;
    const device = this.#directory.get(origin);
    if (device === undefined) return refuse(origin, 'device.unknown', `${origin} is not registered any more`);
    const own = parseOwnTopic(topic);
    if (own === undefined) return device.facts.preset === undefined ? FORWARD : { kind: 'preset', device };
    if (own.kind === 'other') return FORWARD;
    if ((own.gateway ?? own.device) !== origin) {
      return refuse(origin, 'topic.unmapped', `${origin} may not publish on ${topic.slice(0, 128)}`);
    }
    if (own.gateway === undefined) return { kind: own.kind, device };
    const child = this.child(device, own.device, own.device);
    return 'kind' in child ? child : { kind: own.kind, device: child };
  }

  #remember(origin: string, topic: string, route: Route): void {
    // Admitting a child changes the registry; what is refused today may be allowed by its next change.
    if (this.#revision !== this.#directory.revision || this.#cached >= ROUTE_CACHE_MAX) this.#forget();
    let topics = this.#cache.get(origin);
    if (topics === undefined) {
      topics = new Map();
      this.#cache.set(origin, topics);
    }
    topics.set(topic, route);
    this.#cached += 1;
  }

  #forget(): void {
    this.#cache.clear();
    this.#cached = 0;
    this.#revision = this.#directory.revision;
  }
}

const refuse = (device: string, code: ErrorCode, message: string): Refusal => ({
  kind: 'refuse',
  device,
  code,
  message,
});
