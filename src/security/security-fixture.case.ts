import { MemoryStateStore } from '../../test/support/memory-state.ts';
import { ManualClock } from '../base/clock.ts';
import { type Logger, silentLogger } from '../base/logger.ts';
import { err, type Result } from '../base/result.ts';
import type { Device } from '../model/device.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import type { EventMap, EventType } from '../model/events.ts';
import { type DeviceId, parseDeviceId } from '../model/ids.ts';
import type { EventPublisher } from '../model/ports/events.ts';
import { silentMeter } from '../model/ports/meter.ts';
import type { DevicePage, Registry, RegistryChange } from '../model/ports/registry.ts';
import type { Principal } from '../model/ports/security.ts';
import { OPEN_PROFILE } from '../model/profile.ts';
import { SecurityManager } from './security-manager.ts';

export function id(text: string): DeviceId {
  const parsed = parseDeviceId(text);
  if (!parsed.ok) throw parsed.error;
  return parsed.value;
}

/** A registry that says what the test tells it to. */
export class FakeRegistry implements Registry {
  readonly devices = new Map<string, Device>();
  readonly #listeners = new Set<(change: RegistryChange) => void>();
  readonly size = 0;
  get(key: string): Device | undefined {
    return this.devices.get(key);
  }
  put(key: string, more: Partial<Device> = {}): Device {
    const added = !this.devices.has(key);
    const common = { name: key, profile: OPEN_PROFILE.id, gateway: false, attributes: {} };
    const device = { id: id(key), ...common, createdAt: 1, updatedAt: 1, version: 1, ...more };
    this.devices.set(key, device);
    for (const listener of this.#listeners) listener({ kind: 'device-put', device, added });
    return device;
  }
  drop(key: string): void {
    this.devices.delete(key);
    for (const listener of this.#listeners) listener({ kind: 'device-removed', id: id(key) });
  }
  onChange(listener: (change: RegistryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
  list = (): DevicePage => ({ devices: [], total: 0 });
  profile = (): undefined => undefined;
  profiles = (): [] => [];
  report = (): Promise<void> => Promise.resolve();
  add = notHere;
  update = notHere;
  remove = notHere;
  putProfile = notHere;
}
const notHere = (): Promise<Result<never, SensoriumError>> =>
  Promise.resolve(err(problem('internal', 'not here')));

export class RecordingEvents implements EventPublisher {
  readonly denied: EventMap['security.denied'][] = [];
  readonly types: string[] = [];
  publish<T extends EventType>(type: T, subject: string, data: EventMap[T]): void {
    this.types.push(`${type} ${subject}`);
    if ('action' in data) this.denied.push(data);
  }
}

export const codeOf = (result: Result<unknown, SensoriumError>): string =>
  result.ok ? 'ok' : result.error.code;
export const ADDRESS = '192.0.2.1';

/** A security manager that runs on memory, with the devices "a" and "b", and what stands around it. */
export class SecurityFixture {
  readonly registry = new FakeRegistry();
  readonly events = new RecordingEvents();
  readonly clock = new ManualClock(Date.now());
  /** Warnings in the log of the server, as JSON. */
  readonly logged: string[] = [];
  readonly #logger: Logger = {
    ...silentLogger,
    warn: (fields, message) => void this.logged.push(JSON.stringify({ ...fields, message })),
    child: () => this.#logger,
  };
  readonly #dataDir: string;
  state = new MemoryStateStore();
  security: SecurityManager;
  adminPassword = '';

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
    this.security = this.made();
  }

  static async started(dataDir: string): Promise<SecurityFixture> {
    const fixture = new SecurityFixture(dataDir);
    await fixture.security.start();
    fixture.adminPassword = fixture.security.firstStart?.adminPassword ?? '';
    for (const name of ['a', 'b']) fixture.registry.put(name);
    return fixture;
  }

  /** Another manager on the same directory and state: the next process. */
  made(): SecurityManager {
    const { state, registry, events, clock } = this;
    return new SecurityManager({
      state,
      dataDir: this.#dataDir,
      registry,
      events,
      meter: silentMeter,
      logger: this.#logger,
      clock,
    });
  }

  async restart(): Promise<void> {
    this.security = this.made();
    await this.security.start();
  }

  connect(
    username: string | undefined,
    password: string | undefined,
    more: ConnectMore = {},
  ): Promise<Answer> {
    const { clientId = 'client-1', address = ADDRESS, certificateName } = more;
    const secret = password === undefined ? undefined : Buffer.from(password);
    return this.security.connect({ username, password: secret, clientId, address, certificateName });
  }
}

type Answer = Result<Principal, SensoriumError>;

interface ConnectMore {
  readonly clientId?: string;
  readonly certificateName?: string;
  readonly address?: string;
}
