import { SERIES_PER_DEVICE_MAX } from '../../base/limits.ts';
import type { TopicPreset } from '../../model/device.ts';
import type { ErrorCode } from '../../model/errors.ts';
import { type Family, KIND_NUMBER, type SeriesDirectory, type SeriesKind } from '../series.ts';
import type { ChannelTable } from './channels.ts';
import type { Input } from './expressions/rules.ts';
import { judgeMetricName } from './metric-name.ts';
import { analysisIn, type MetricRule, type ProfileRules } from './profile-rules.ts';

/** What the pipeline needs to know of a device. */
export interface DeviceFacts {
  readonly id: string;
  readonly profile: string;
  readonly gateway: boolean;
  readonly parent?: string | undefined;
  readonly preset?: TopicPreset | undefined;
  readonly topicBase?: string | undefined;
}

/** One metric as a device sends it, in one unit: its rule, and the channel per kind of value (-1 = none yet). */
export interface MetricSlot {
  readonly rule: MetricRule;
  readonly family: Family;
  readonly unit: string;
  readonly channels: [number, boolean: number, text: number];
  /** Where metrics derived from it look for its values; undefined = there are none. */
  readonly input: Input | undefined;
  /** The same metric in the other units it was sent with. */
  units: Map<string, MetricSlot> | undefined;
}

interface DeviceEntryOptions {
  readonly facts: DeviceFacts;
  /** Number of the device in the tally. */
  readonly index: number;
  readonly rules: ProfileRules;
  readonly series: SeriesDirectory;
  readonly channels: ChannelTable;
}

/** A device at work: facts, rules, and the slots of the metrics it has sent. */
export class DeviceEntry {
  readonly facts: DeviceFacts;
  readonly index: number;
  readonly slots = new Map<string, MetricSlot>();
  readonly #derived: (MetricSlot | undefined)[] = [];
  readonly rules: ProfileRules;
  readonly #series: SeriesDirectory;
  readonly #channels: ChannelTable;

  constructor(options: DeviceEntryOptions) {
    this.facts = options.facts;
    this.index = options.index;
    this.rules = options.rules;
    this.#series = options.series;
    this.#channels = options.channels;
  }

  /** The slot of a metric sent for the first time, or why it cannot have one. */
  openSlot(metric: string): MetricSlot | ErrorCode {
    const fault = judgeMetricName(metric);
    if (fault !== undefined) return fault;
    const rule = this.rules.rule(metric);
    if (rule === undefined) return 'reading.unknown_metric';
    const family = this.#series.family(this.facts.id, rule.name);
    if (family === undefined) return 'reading.too_many_metrics';
    const slot = newSlot(rule, family, rule.unit ?? '');
    this.slots.set(metric, slot);
    return slot;
  }

  /** The slot of a derived metric by its number; undefined when the device has too many metrics. */
  derivedSlot(number: number): MetricSlot | undefined {
    const known = this.#derived[number];
    const rule = this.rules.derived[number]?.rule;
    if (known !== undefined || rule === undefined) return known;
    const family = this.#series.family(this.facts.id, rule.name);
    if (family === undefined) return undefined;
    const slot = newSlot(rule, family, rule.unit ?? '');
    this.#derived[number] = slot;
    return slot;
  }

  /** The slot of the same metric in another unit; undefined when the device has too many. */
  slotInUnit(slot: MetricSlot, unit: string): MetricSlot | undefined {
    slot.units ??= new Map();
    const known = slot.units.get(unit);
    if (known !== undefined) return known;
    if (slot.units.size >= SERIES_PER_DEVICE_MAX) return undefined;
    const made = newSlot(slot.rule, slot.family, unit);
    slot.units.set(unit, made);
    return made;
  }

  /** The channel of a slot for a kind of value; -1 when the device has too many series. */
  openChannel(slot: MetricSlot, kind: SeriesKind): number {
    const { idLimit } = this.#series;
    const series = this.#series.open(slot.family, slot.unit, kind);
    if (series === undefined) return -1;
    const isNumber = kind === KIND_NUMBER;
    const channel = this.#channels.add({
      series: series.id,
      device: this.index,
      scale: isNumber ? slot.rule.scale : 1,
      offset: isNumber ? slot.rule.offset : 0,
      windows: this.rules.windows(slot.family.metric),
      isNewSeries: series.id >= idLimit,
      analysis: analysisIn(slot.rule, slot.unit),
    });
    slot.channels[kind] = channel;
    return channel;
  }
}

const newSlot = (rule: MetricRule, family: Family, unit: string): MetricSlot => ({
  rule,
  family,
  unit,
  channels: [-1, -1, -1],
  input: rule.unit === undefined || rule.unit === unit ? rule.input : undefined,
  units: undefined,
});
