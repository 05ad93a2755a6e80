/**
 * Metrics behind our own port: the one place that knows prom-client. Promises that a scrape never fails because of
 * one broken reader, that counters never go back, and that every name and label comes from model/metrics.ts.
 * Imports prom-client file by file: its index pulls in push gateway, cluster and https (16 ms against 3).
 */
import Counter from 'prom-client/lib/counter.js';
import Gauge from 'prom-client/lib/gauge.js';
import Histogram from 'prom-client/lib/histogram.js';
import Registry from 'prom-client/lib/registry.js';
import { invariant } from '../base/invariant.ts';
import { METRICS, type MetricName } from '../model/metrics.ts';
import type { Meter } from '../model/ports/meter.ts';
import { HostUsage } from './host-usage.ts';

type Labels = Readonly<Record<string, string>>;

/** From one LMDB commit (0.4 ms) to the query timeout (30 s). */
const BUCKETS_S = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

interface Reader {
  readonly name: MetricName;
  readonly read: () => number;
  readonly labels: Labels;
  /** What a counter kept elsewhere had at the last scrape; its growth is what counts here. */
  last: number;
}

export class PromMeter implements Meter {
  readonly #registry = new Registry();
  readonly #counters = new Map<MetricName, Counter>();
  readonly #gauges = new Map<MetricName, Gauge>();
  readonly #histograms = new Map<MetricName, Histogram>();
  readonly #readers = new Set<Reader>();
  readonly #usage = new HostUsage();

  constructor() {
    for (const [name, { type, help, labels }] of Object.entries(METRICS) as [MetricName, MetricRow][]) {
      const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
      if (type === 'counter') this.#counters.set(name, new Counter(options));
      else if (type === 'gauge') this.#gauges.set(name, new Gauge(options));
      else this.#histograms.set(name, new Histogram({ ...options, buckets: BUCKETS_S }));
    }
    for (const scope of ['process', 'host'] as const) {
      this.collect('iot_memory_usage_bytes', () => this.#usage.current[scope].memoryBytes, { scope });
      this.collect('iot_cpu_usage_percent', () => this.#usage.current[scope].cpuPercent, { scope });
    }
  }

  /** Begins to refresh memory and CPU use, every USAGE_REFRESH_MS. */
  start(): void {
    this.#usage.start();
  }

  stop(): void {
    this.#usage.stop();
  }

  add(name: MetricName, value = 1, labels: Labels = {}): void {
    const counter = this.#counters.get(name);
    invariant(counter !== undefined, `${name} is not a counter`);
    counter.inc(labels, value);
  }

  observe(name: MetricName, value: number, labels: Labels = {}): void {
    const histogram = this.#histograms.get(name);
    invariant(histogram !== undefined, `${name} is not a histogram`);
    histogram.observe(labels, value);
  }

  collect(name: MetricName, read: () => number, labels: Labels = {}): () => void {
    invariant(METRICS[name].type !== 'histogram', `${name} is a histogram: use observe`);
    const reader: Reader = { name, read, labels, last: 0 };
    this.#readers.add(reader);
    return () => {
      if (!this.#readers.delete(reader)) return;
      if (this.#counters.has(name)) this.#refresh(reader);
      else this.#gauges.get(name)?.remove(labels);
    };
  }

  /** Prometheus text exposition 0.0.4. */
  async metrics(): Promise<{ readonly contentType: string; readonly body: string }> {
    for (const reader of this.#readers) this.#refresh(reader);
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #refresh(reader: Reader): void {
    const value = readSafely(reader.read);
    if (value === undefined) return;
    const counter = this.#counters.get(reader.name);
    if (counter === undefined) {
      this.#gauges.get(reader.name)?.set(reader.labels, value);
      return;
    }
    // A part that was restarted counts from zero again.
    const growth = value >= reader.last ? value - reader.last : value;
    reader.last = value;
    if (growth >= 0) counter.inc(reader.labels, growth);
  }
}

type MetricRow = (typeof METRICS)[MetricName];

/** A reader may look into a part that has just been stopped: its series waits, the scrape goes on. */
function readSafely(read: () => number): number | undefined {
  try {
    const value = read();
    return Number.isFinite(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
