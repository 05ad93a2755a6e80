/** A fake system behind the API: a registry of two devices, history that answers what it is told, a real clock. */
import type { Clock } from '../base/clock.ts';
import { UP } from '../base/lifecycle.ts';
import { err, ok, type Result } from '../base/result.ts';
import { FakeSecurity, type RunningServer, runServer } from '../communication/http/test-support.ts';
import type { Device, DeviceInput, DevicePatch } from '../model/device.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import type { AnyEvent, EventMap, EventType } from '../model/events.ts';
import type { DeviceId, ProfileId } from '../model/ids.ts';
import type {
  Client,
  ClientDetail,
  ClientDirectory,
  ClientPage,
  ClientQuery,
} from '../model/ports/clients.ts';
import type { EventSubscriber } from '../model/ports/events.ts';
import type {
  FileFormat,
  FleetLatestPage,
  FleetLatestQuery,
  FleetTopQuery,
  History,
  HistoryTotals,
  LiveFeed,
  RankedDevice,
  ReadingRow,
  ReadingsQuery,
} from '../model/ports/history.ts';
import type { DevicePage, DeviceQuery, Registry } from '../model/ports/registry.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import type { MessageTrace, Traces } from '../model/ports/traces.ts';
import { OPEN_PROFILE, type Profile, type ProfileInput } from '../model/profile.ts';
import type { Reading } from '../model/reading.ts';
import type { WindowResult, WindowsQuery } from '../model/windows.ts';
import { apiDoor } from './api-door.ts';
import { FakePresence, FakeTwins } from './test-device-state.ts';
import { FakeAdministration, FakeCommands } from './test-devices.ts';
import { FakeDiscovery } from './test-discovery.ts';
import { FakeLedger, FakeQuarantine, FakeRetention } from './test-keeping.ts';

class FakeRegistry implements Registry {
  readonly devices = new Map<string, Device>();
  readonly byWhom: string[] = [];
  lastQuery: DeviceQuery | undefined;

  constructor() {
    for (const id of ['child', 'gw', 'station']) this.#put({ id });
  }

  get size(): number {
    return this.devices.size;
  }

  get(id: string): Device | undefined {
    return this.devices.get(id);
  }

  list(query: DeviceQuery): DevicePage {
    this.lastQuery = query;
    const devices = [...this.devices.values()].slice(0, query.limit);
    return { devices, total: this.size };
  }

  add(input: DeviceInput, by: string): Promise<Result<Device, SensoriumError>> {
    this.byWhom.push(by);
    if (this.devices.has(input.id)) return refuse('device.exists', input.id);
    return Promise.resolve(ok(this.#put(input)));
  }

  update(
    id: string,
    patch: DevicePatch,
    by: string,
    version?: number,
  ): Promise<Result<Device, SensoriumError>> {
    this.byWhom.push(by);
    const device = this.devices.get(id);
    if (device === undefined) return refuse('device.unknown', id);
    if (version !== undefined && version !== device.version) return refuse('device.version_conflict', id);
    const updated = { ...device, name: patch.name ?? device.name, version: device.version + 1 };
    this.devices.set(id, updated);
    return Promise.resolve(ok(updated));
  }

  remove(id: string, by: string): Promise<Result<Device, SensoriumError>> {
    this.byWhom.push(by);
    const device = this.devices.get(id);
    if (device === undefined) return refuse('device.unknown', id);
    this.devices.delete(id);
    return Promise.resolve(ok(device));
  }

  report(): Promise<void> {
    return Promise.resolve();
  }

  profile(id: string): Profile | undefined {
    return id === 'open' ? OPEN_PROFILE : undefined;
  }

  profiles(): readonly Profile[] {
    return [OPEN_PROFILE];
  }

  putProfile(input: ProfileInput): Promise<Result<Profile, SensoriumError>> {
    if (input.id === 'open') return refuse('profile.exists', 'open');
    return Promise.resolve(ok({ ...input, id: input.id as Profile['id'] }));
  }

  onChange(): () => void {
    return () => undefined;
  }

  #put({ id, name = id }: DeviceInput): Device {
    const device: Device = {
      id: id as DeviceId,
      name,
      profile: 'open' as ProfileId,
      gateway: id === 'gw',
      attributes: {},
      createdAt: 1,
      updatedAt: 1,
      version: 1,
    };
    this.devices.set(id, device);
    return device;
  }
}

const refuse = (code: Parameters<typeof problem>[0], id: string): Promise<Result<never, SensoriumError>> =>
  Promise.resolve(err(problem(code, `"${id}"`)));

const TOTALS: HistoryTotals = {
  packets: 3,
  stored: 1,
  forwarded: 1,
  quarantined: 1,
  readings: 1,
  rejections: 0,
  offset: 3,
};

class FakeHistory implements History {
  rows: readonly ReadingRow[] = [{ metric: 'temperature', ts: 1_700_000_000_000, value: 21.5, unit: 'Cel' }];
  failure: SensoriumError | undefined;
  readonly queries: ReadingsQuery[] = [];
  latestMetrics: readonly string[] | undefined;
  windowRows: readonly WindowResult[] = [];
  readonly windowQueries: WindowsQuery[] = [];
  fleetPage: FleetLatestPage = { devices: [{ device: 'station', readings: this.rows }], next: 'station' };
  ranked: readonly RankedDevice[] = [{ device: 'station', value: 21.5, unit: 'Cel', count: 7 }];
  readonly fleetQueries: (FleetLatestQuery | FleetTopQuery)[] = [];

  readings(query: ReadingsQuery): ReturnType<History['readings']> {
    this.queries.push(query);
    return this.#answer(this.rows);
  }

  latest(device: string, metrics?: readonly string[]): ReturnType<History['latest']> {
    this.latestMetrics = metrics;
    return this.#answer(this.rows.map((row) => ({ ...row, device })));
  }

  fleetLatest(query: FleetLatestQuery): ReturnType<History['fleetLatest']> {
    this.fleetQueries.push(query);
    return this.#answer(this.fleetPage);
  }

  fleetTop(query: FleetTopQuery): ReturnType<History['fleetTop']> {
    this.fleetQueries.push(query);
    return this.#answer(this.ranked);
  }

  file(query: ReadingsQuery, format: FileFormat): ReturnType<History['file']> {
    this.queries.push(query);
    const { device } = query;
    const text =
      format === 'json' ? JSON.stringify({ device, readings: this.rows }) : `${format} of ${device}`;
    return this.#answer(new TextEncoder().encode(text));
  }

  windows(query: WindowsQuery): ReturnType<History['windows']> {
    this.windowQueries.push(query);
    return this.#answer(this.windowRows);
  }

  totals(): ReturnType<History['totals']> {
    return this.#answer(TOTALS);
  }

  #answer<T>(value: T): Promise<Result<T, SensoriumError>> {
    return Promise.resolve(this.failure === undefined ? ok(value) : err(this.failure));
  }
}

class FakeEvents implements EventSubscriber {
  readonly #handlers = new Set<(event: AnyEvent) => void | Promise<void>>();
  #id = 0;

  get subscribers(): number {
    return this.#handlers.size;
  }

  onAny(_name: string, handler: (event: AnyEvent) => void | Promise<void>): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  on(): never {
    throw new Error('the API listens to all types');
  }

  deadLetters(): [] {
    return [];
  }

  emit<T extends EventType>(type: T, data: EventMap[T]): void {
    this.#id += 1;
    const event = {
      specversion: '1.0',
      id: String(this.#id),
      source: '/sensorium',
      type,
      subject: 'subject',
      time: '2026-01-01T00:00:00.000Z',
      datacontenttype: 'application/json',
      data,
    } as AnyEvent;
    for (const handler of this.#handlers) void handler(event);
  }
}

type Watcher = Parameters<LiveFeed['watch']>[1];

class FakeLive implements LiveFeed {
  readonly watchers = new Map<Watcher, string | undefined>();

  watch(filter: { readonly device?: string | undefined }, listener: Watcher): () => void {
    this.watchers.set(listener, filter.device);
    return () => this.watchers.delete(listener);
  }

  emit(readings: readonly Reading[], dropped = 0): void {
    for (const [listener, device] of this.watchers) {
      listener(device === undefined ? readings : readings.filter((one) => one.device === device), dropped);
    }
  }
}

/** One client: 7. */
class FakeClients implements ClientDirectory {
  readonly queries: ClientQuery[] = [];
  readonly ended: unknown[] = [];

  list(query: ClientQuery): ClientPage {
    this.queries.push(query);
    return { clients: [CLIENT], total: 1, connected: 1 };
  }

  get(id: number): ClientDetail | undefined {
    if (id !== CLIENT.id) return undefined;
    const one = {
      filter: 'v1/station/commands/#',
      qos: 1,
      noLocal: false,
      retainAsPublished: false,
    } as const;
    return { ...CLIENT, subscriptions: [one] };
  }

  disconnect(id: number, options: { readonly end: boolean; readonly by: string }): Promise<boolean> {
    this.ended.push({ id, ...options });
    return Promise.resolve(id === CLIENT.id);
  }
}

const CLIENT: Client = {
  id: 7,
  clientId: 'station/1',
  principal: { kind: 'device', id: 'station' },
  connected: true,
  connection: { version: '5.0', listener: 'mqtts', address: '10.0.0.7', openedAt: 2, keepAliveS: 60 },
  createdAt: 1,
  sessionExpiryS: 3_600,
  subscriptionCount: 1,
  waiting: 0,
  waitingBytes: 0,
  inFlight: 0,
  unreleased: 0,
  hasWill: false,
};

export const reading = (device: string, value: number | string): Reading => ({
  device: device as DeviceId,
  metric: 'temperature',
  ts: 1_700_000_000_000,
  value,
});

interface RunningApi extends RunningServer {
  readonly registry: FakeRegistry;
  readonly administration: FakeAdministration;
  readonly commands: FakeCommands;
  readonly discovery: FakeDiscovery;
  readonly twins: FakeTwins;
  readonly history: FakeHistory;
  readonly quarantine: FakeQuarantine;
  readonly ledger: FakeLedger;
  readonly retention: FakeRetention;
  readonly events: FakeEvents;
  readonly live: FakeLive;
  readonly clients: FakeClients;
  readonly state: { ready: boolean };
}

class FakeTraces implements Traces {
  recent(): readonly MessageTrace[] {
    const record = { offset: 7, origin: 'd1' as DeviceId, topic: 'v1/d1/telemetry', receivedAt: 1_000 };
    const stages = [['validate', 0.001] as const];
    return [{ ...record, takenAt: 1_100, committedAt: 1_500, outcome: 'stored', stages }];
  }
}

export async function runApi(options: { readonly clock?: Clock } = {}): Promise<RunningApi> {
  const parts = {
    security: new FakeSecurity(),
    registry: new FakeRegistry(),
    administration: new FakeAdministration(),
    commands: new FakeCommands(),
    discovery: new FakeDiscovery(),
    presence: new FakePresence(),
    twins: new FakeTwins(),
    history: new FakeHistory(),
    quarantine: new FakeQuarantine(),
    ledger: new FakeLedger(),
    retention: new FakeRetention(),
    traces: new FakeTraces(),
    events: new FakeEvents(),
    live: new FakeLive(),
    clients: new FakeClients(),
    state: { ready: true },
  };
  const { state, ...ports } = parts;
  const facade: SystemFacade = {
    version: '9.9.9',
    startedAt: 1,
    ...ports,
    intake: {
      submit: () => Promise.resolve(ok({ accepted: 0, rejected: [] })),
      refused: () => undefined,
    },
    log: { first: 0, next: 3, durable: 3, sizeBytes: 4_096 },
    health: () => ({
      ready: state.ready,
      managers: { data: state.ready ? UP : { status: 'down', reasons: ['restarting'] }, devices: UP },
    }),
    metrics: () => Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: '# nothing\n' }),
  };
  const running = await runServer({ ...options, doors: [apiDoor(facade)], security: ports.security });
  return { ...running, ...parts };
}
