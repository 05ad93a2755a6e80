/** For tests of discovery: a registry in memory, recorded events, a scanner that does what it is told. */
import { MemoryStateStore } from '../../../test/support/memory-state.ts';
import { ManualClock } from '../../base/clock.ts';
import { type Logger, silentLogger } from '../../base/logger.ts';
import { seededRandom } from '../../base/random.ts';
import type { ScannerCondition, Sighting } from '../../model/discovery.ts';
import type { EventMap, EventType } from '../../model/events.ts';
import { silentMeter } from '../../model/ports/meter.ts';
import { DeviceRegistry } from '../registry/device-registry.ts';
import { DiscoveryService } from './discovery-service.ts';
import { RUNNING, type Scanner, type SightingSink } from './scanner.ts';
import type { WatcherSettings } from './settings.ts';

/** Does what its fields say; a promise that never settles is a scanner that hangs. */
export class FakeScanner implements Scanner {
  readonly name: string;
  paceMs = 5_000;
  starts = 0;
  scans = 0;
  stops = 0;
  sink: SightingSink = () => undefined;
  onStart: () => Promise<ScannerCondition> = () => Promise.resolve(RUNNING);
  onScan: (signal: AbortSignal) => Promise<ScannerCondition> = () => Promise.resolve(RUNNING);

  constructor(name = 'fake') {
    this.name = name;
  }

  start(sink: SightingSink): Promise<ScannerCondition> {
    this.starts += 1;
    this.sink = sink;
    return this.onStart();
  }

  scan(signal: AbortSignal): Promise<ScannerCondition> {
    this.scans += 1;
    return this.onScan(signal);
  }

  stop(): Promise<void> {
    this.stops += 1;
    return Promise.resolve();
  }
}

/** Counts lines by message. */
class CountingLogger implements Logger {
  readonly lines: string[] = [];
  debug = (): void => undefined;
  info = (_fields: Record<string, unknown>, message: string): void => void this.lines.push(message);
  warn = (_fields: Record<string, unknown>, message: string): void => void this.lines.push(message);
  error = (_fields: Record<string, unknown>, message: string): void => void this.lines.push(message);
  child = (): Logger => this;
}

export class DiscoveryBench {
  readonly state = new MemoryStateStore();
  readonly clock = new ManualClock();
  readonly events: string[] = [];
  readonly logger = new CountingLogger();
  readonly readings: string[] = [];
  readonly registry: DeviceRegistry;

  constructor() {
    const events = {
      publish: <T extends EventType>(type: T, subject: string, _data: EventMap[T]): void => {
        this.events.push(`${type} ${subject}`);
      },
    };
    this.registry = new DeviceRegistry({
      state: this.state,
      events,
      logger: silentLogger,
      clock: this.clock,
    });
    this.registry.open();
  }

  /** A service over the same disk: a second one is a restart. */
  service(scanners: readonly Scanner[] = [], watchers: readonly WatcherSettings[] = []): DiscoveryService {
    const { state, registry, clock, logger, readings } = this;
    const made = new DiscoveryService({
      sources: scanners.map((scanner) => ({ name: scanner.name, load: () => Promise.resolve(scanner) })),
      watchers,
      state,
      registry,
      events: {
        publish: <T extends EventType>(type: T, _subject: string, data: EventMap[T]): void => {
          this.events.push(`${type} ${JSON.stringify(data)}`);
        },
      },
      meter: silentMeter,
      logger,
      clock,
      random: seededRandom(1),
      onReadings: (device, values) => void readings.push(`${device} ${JSON.stringify(values)}`),
    });
    made.start();
    return made;
  }
}

export const lamp = (rest: Partial<Sighting> = {}): Sighting => ({
  scanner: 'mdns',
  identifiers: { mac: '02:00:00:00:00:01', ip: '10.0.0.5', hostName: 'lamp.local' },
  names: ['Lamp'],
  services: ['_shelly._tcp'],
  attributes: {},
  evidence: 'announces _shelly._tcp',
  ts: 1_790_000_000_000,
  ...rest,
});
