import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { DEAD_LETTERS_MAX, EVENT_HANDLER_QUEUE_MAX, EVENT_HANDLER_RETRIES } from '../base/limits.ts';
import { silentLogger } from '../base/logger.ts';
import { seededRandom } from '../base/random.ts';
import { SensoriumError } from '../model/errors.ts';
import type { AnyEvent, PlatformEvent } from '../model/events.ts';
import type { MetricName } from '../model/metrics.ts';
import type { Meter } from '../model/ports/meter.ts';
import { InProcessEventBus } from './event-bus.ts';

class RecordingMeter implements Meter {
  readonly #reads = new Map<string, () => number>();
  add(): void {}
  observe(): void {}
  collect(name: MetricName, read: () => number, labels: Readonly<Record<string, string>> = {}): () => void {
    const key = `${name} ${labels['type'] ?? ''}`;
    this.#reads.set(key, read);
    return () => this.#reads.delete(key);
  }
  read(key: string): number | undefined {
    return this.#reads.get(key)?.();
  }
}

const connected = (device: string): [string, { device: string; transport: string; address: string }] => [
  device,
  { device, transport: 'mqtt', address: '192.0.2.1' },
];

/** The bus as plain JavaScript sees it. */
interface LooseBus {
  publish(type: unknown, subject: string, data: unknown): void;
  on(type: unknown, name: string, handler: () => void): void;
}

const settle = (): Promise<unknown> => vi.advanceTimersByTimeAsync(60_000);

describe('the event bus', () => {
  let meter: RecordingMeter;
  let clock: ManualClock;
  let bus: InProcessEventBus;

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] });
    meter = new RecordingMeter();
    clock = new ManualClock(Date.UTC(2026, 0, 2, 3, 4, 5, 6));
    bus = new InProcessEventBus({ clock, random: seededRandom(1), meter, logger: silentLogger });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('gives each event the attributes of CloudEvents 1.0, with ids that do not repeat', async () => {
    const seen: AnyEvent[] = [];
    bus.onAny('recorder', (event) => void seen.push(event));
    bus.publish('device.connected', ...connected('a'));
    bus.publish('device.removed', 'a', { device: 'a', by: '@admin' });
    await settle();
    expect(seen.map(({ type, subject }) => [type, subject])).toEqual([
      ['device.connected', 'a'],
      ['device.removed', 'a'],
    ]);
    expect(seen[0]).toMatchObject({
      specversion: '1.0',
      source: '/sensorium',
      time: '2026-01-02T03:04:05.006Z',
      datacontenttype: 'application/json',
      data: { device: 'a', transport: 'mqtt' },
    });
    expect(new Set(seen.map((event) => event.id)).size).toBe(2);
    const other = new InProcessEventBus({ clock, random: seededRandom(2), meter, logger: silentLogger });
    other.onAny('recorder', (event) => void seen.push(event));
    other.publish('device.connected', ...connected('a'));
    await settle();
    expect(new Set(seen.map((event) => event.id)).size).toBe(3);
  });

  it('refuses a type outside the map, for publishers and subscribers', () => {
    const loose: LooseBus = bus;
    const attempts = [
      () => loose.publish('device.exploded', 'a', {}),
      () => loose.on('device.exploded', 'h', () => undefined),
      () => loose.publish('__proto__', 'a', {}),
    ];
    for (const attempt of attempts) {
      expect(attempt).toThrow(SensoriumError);
      expect(attempt).toThrow(expect.objectContaining({ code: 'event.unknown_type' }));
    }
  });

  it('lets no failing handler hurt the publisher or another handler', async () => {
    const seen: string[] = [];
    bus.on('device.connected', 'throws', () => {
      throw new Error('boom');
    });
    bus.on('device.connected', 'rejects', () => Promise.reject(new Error('bang')));
    bus.on('device.connected', 'works', (event) => void seen.push(event.data.device));
    for (const id of ['a', 'b', 'c']) bus.publish('device.connected', ...connected(id));
    await settle();
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(bus.deadLetters().map(({ handler, attempts, error }) => [handler, attempts, error])).toEqual(
      expect.arrayContaining([
        ['throws', EVENT_HANDLER_RETRIES + 1, 'boom'],
        ['rejects', EVENT_HANDLER_RETRIES + 1, 'bang'],
      ]),
    );
    expect(bus.deadLetters()).toHaveLength(6);
    expect(meter.read('iot_event_dead_letters_total device.connected')).toBe(6);
  });

  it('never runs a handler inside publish', async () => {
    const order: string[] = [];
    bus.on('device.connected', 'h', () => void order.push('handled'));
    bus.publish('device.connected', ...connected('a'));
    order.push('published');
    await settle();
    expect(order).toEqual(['published', 'handled']);
  });

  it('keeps order within a handler even while an earlier event is retried', async () => {
    const seen: string[] = [];
    let failures = 2;
    bus.on('device.connected', 'flaky', async (event) => {
      await Promise.resolve();
      if (event.data.device === 'a' && failures-- > 0) throw new Error('not yet');
      seen.push(event.data.device);
    });
    for (const id of ['a', 'b', 'c']) bus.publish('device.connected', ...connected(id));
    await settle();
    expect(seen).toEqual(['a', 'b', 'c']);
    expect(bus.deadLetters()).toEqual([]);
  });

  it('gives up on a handler that hangs, and goes on with its next event', async () => {
    const seen: string[] = [];
    bus.on('device.connected', 'hangs', (event) => {
      if (event.data.device === 'a') return new Promise<void>(() => undefined);
      seen.push(event.data.device);
      return undefined;
    });
    bus.publish('device.connected', ...connected('a'));
    bus.publish('device.connected', ...connected('b'));
    await settle();
    expect(seen).toEqual(['b']);
    expect(bus.deadLetters()[0]).toMatchObject({ handler: 'hangs', event: { subject: 'a' } });
  });

  it('bounds the queue of a slow handler: all losses counted, one of each burst listed', async () => {
    const { promise: blocked, resolve: release } = Promise.withResolvers<void>();
    let handled = 0;
    bus.on('device.connected', 'slow', () => {
      handled += 1;
      return blocked;
    });
    bus.publish('device.connected', ...connected('first'));
    await vi.advanceTimersByTimeAsync(1);
    for (let i = 0; i < EVENT_HANDLER_QUEUE_MAX + 50; i += 1)
      bus.publish('device.connected', ...connected('x'));
    expect(meter.read('iot_event_dead_letters_total device.connected')).toBe(50);
    expect(bus.deadLetters()).toMatchObject([{ handler: 'slow', attempts: 0 }]);
    release();
    await settle();
    expect(handled).toBe(EVENT_HANDLER_QUEUE_MAX + 1);
  });

  it('keeps the newest dead letters and no more than its bound', async () => {
    bus.on('device.connected', 'throws', () => {
      throw new Error('boom');
    });
    for (let i = 0; i < DEAD_LETTERS_MAX + 5; i += 1) bus.publish('device.connected', ...connected(`d${i}`));
    await vi.advanceTimersByTimeAsync(5_000 * DEAD_LETTERS_MAX);
    const letters = bus.deadLetters();
    expect(letters).toHaveLength(DEAD_LETTERS_MAX);
    expect(letters.at(-1)?.event.subject).toBe(`d${DEAD_LETTERS_MAX + 4}`);
    expect(letters[0]?.event.subject).toBe('d5');
  });

  it('gives handlers a frozen event that is not the object of the publisher', async () => {
    const mine = { device: 'a', transport: 'mqtt', address: '192.0.2.1' };
    const errors: unknown[] = [];
    let second = '';
    bus.on('device.connected', 'vandal', (event: PlatformEvent<'device.connected'>) => {
      try {
        Object.assign(event.data, { device: 'changed' });
      } catch (cause) {
        errors.push(cause);
      }
    });
    bus.on('device.connected', 'reader', (event) => {
      second = event.data.device;
    });
    bus.publish('device.connected', 'a', mine);
    mine.device = 'later';
    await settle();
    expect(errors[0]).toBeInstanceOf(TypeError);
    expect(second).toBe('a');
  });

  it('counts what nobody listens to, and stops calling a handler that was taken off', async () => {
    let calls = 0;
    const off = bus.on('device.connected', 'h', () => {
      calls += 1;
    });
    bus.publish('device.connected', ...connected('a'));
    off();
    off();
    bus.publish('device.connected', ...connected('b'));
    await settle();
    expect(calls).toBe(0);
    expect(meter.read('iot_events_total device.connected')).toBe(2);
  });

  it('drains what is queued, and what handlers publish meanwhile', async () => {
    const seen: string[] = [];
    bus.on('device.connected', 'chain', (event) => bus.publish('device.removed', event.subject, removed));
    bus.on('device.removed', 'end', async (event) => {
      await Promise.resolve();
      seen.push(event.subject);
    });
    bus.publish('device.connected', ...connected('a'));
    const drained = bus.drain(1_000);
    await vi.advanceTimersByTimeAsync(10);
    expect(await drained).toBe(true);
    expect(seen).toEqual(['a']);
  });

  it('says so when the deadline of a drain passes first', async () => {
    bus.on('device.connected', 'hangs', () => new Promise<void>(() => undefined));
    bus.publish('device.connected', ...connected('a'));
    const drained = bus.drain(500);
    await vi.advanceTimersByTimeAsync(501);
    expect(await drained).toBe(false);
  });
});

const removed = { device: 'a', by: '@admin' };
