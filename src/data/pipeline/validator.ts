import { READINGS_PER_PACKET_MAX, UNIT_MAX_CHARS } from '../../base/limits.ts';
import type { ErrorCode, SensoriumError } from '../../model/errors.ts';
import type { PayloadFormat } from '../../model/packet.ts';
import { decode } from '../payload/decode.ts';
import type { ValueSink } from '../payload/sink.ts';
import { type Family, KIND_BOOLEAN, KIND_NUMBER, KIND_TEXT } from '../series.ts';
import type { Batch } from './batch.ts';
import type { DeviceEntry, MetricSlot } from './device-entry.ts';
import { readEventTime, TIME_IN_FUTURE } from './event-time.ts';
import { Computation } from './expressions/computation.ts';
import { Derivation, type Derived } from './expressions/derivation.ts';
import { judgeBoolean, judgeNumber, judgeText } from './profile-rules.ts';
import { Verdict } from './verdict.ts';

/**
 * Judges raw values one by one and puts the good ones into the batch: name, time, type, range, all against the
 * profile of the device. The same code answers an HTTP sender item by item (dry, on the main thread) and fills
 * history (on the worker). It knows nothing of topics, logs or stores.
 */

/** Units are codes, not prose: printable, without spaces around them. */
const UNIT = new RegExp(String.raw`^[^\p{C}\s](?:[^\p{C}]*[^\p{C}\s])?$`, 'u');

export class Validator implements ValueSink {
  /** Of the packet at hand. */
  readonly verdict = new Verdict();
  /** Items of the packet at hand that have at least one good value. */
  items = 0;
  #lastItem = -1;
  readonly #batch: Batch;
  #device: DeviceEntry | undefined;
  #receivedAt = 0;
  #lastRawTs: unknown;
  #lastTime = 0;
  #itemWithBadTime = -1;
  /** Metrics that became numbers with this packet: its sender can know that they are. */
  readonly #newNumbers = new Set<Family>();
  readonly #computation = new Computation();
  readonly #derivation = new Derivation((found) => this.#derived(found));
  #derivedValues = 0;

  constructor(batch: Batch) {
    this.#batch = batch;
  }

  /** A new packet: forgets the one before. The caller begins the verdict. */
  begin(device: DeviceEntry, receivedAt: number): void {
    if (this.#newNumbers.size > 0) this.#newNumbers.clear();
    this.#derivation.begin();
    this.#derivedValues = 0;
    this.items = 0;
    this.#lastItem = -1;
    this.#device = device;
    this.#receivedAt = receivedAt;
    this.#lastRawTs = undefined;
    this.#lastTime = receivedAt;
    this.#itemWithBadTime = -1;
  }

  /** The values that follow are those of another device (a child). */
  turnTo(device: DeviceEntry): void {
    this.#device = device;
  }

  /** Telemetry of the contract; an error refuses the payload as a whole. */
  decode(payload: Uint8Array, format: PayloadFormat): SensoriumError | undefined {
    const fault = decode(payload, format, this, this.#receivedAt);
    if (fault === undefined) this.end();
    return fault;
  }

  /** The packet has no more values. */
  end(): void {
    this.#derivation.close();
  }

  value(index: number, metric: string, ts: unknown, value: unknown, unit?: string): void {
    const device = this.#device;
    if (device === undefined || !this.verdict.next()) return;
    let time = this.#lastTime;
    if (ts !== this.#lastRawTs) {
      time = this.#readTime(index, ts);
      if (time < 0) return;
    }
    let slot = device.slots.get(metric);
    if (slot === undefined) {
      const opened = device.openSlot(metric);
      if (typeof opened === 'string') {
        this.#refuse(index, opened, metric, undefined, opened === 'reading.too_many_metrics');
        return;
      }
      slot = opened;
    }
    if (unit !== undefined && unit !== slot.unit && unit !== '') {
      const other = this.#inUnit(device, slot, unit);
      if (typeof other === 'string') {
        this.#refuse(index, other, metric, unit, other === 'reading.too_many_metrics');
        return;
      }
      slot = other;
    }
    if (slot.rule.expression !== undefined) this.#computed(index, device, slot, metric, time, value);
    else if (typeof value === 'number') this.#number(index, device, slot, metric, time, value);
    else this.#otherKind(index, device, slot, metric, time, value);
  }

  reject(index: number, code: ErrorCode, message: string): void {
    if (this.verdict.next()) this.#reject(index, code, message);
  }

  /** The values that follow have no device, for this reason. */
  refuseDevice(code: ErrorCode, message: string): void {
    const device = this.#device?.facts.id ?? '';
    this.verdict.note({ index: 0, code, message, device, late: false });
  }

  /** A value of such a device. */
  skip(): void {
    if (this.verdict.next()) this.verdict.refuseCall();
  }

  #reject(index: number, code: ErrorCode, message: string): void {
    const device = this.#device?.facts.id ?? '';
    this.verdict.refuse({ index, code, message, device, late: false });
  }

  #number(
    index: number,
    device: DeviceEntry,
    slot: MetricSlot,
    metric: string,
    time: number,
    value: number,
  ): void {
    if (!Number.isFinite(value)) {
      this.#refuse(index, 'reading.not_finite', metric, value);
      return;
    }
    if (slot.rule.judgesNumbers) {
      const fault = judgeNumber(slot.rule, value);
      if (slot.input !== undefined) {
        const stored = fault === undefined ? value * slot.rule.scale + slot.rule.offset : Number.NaN;
        this.#derivation.take(device, slot.input, index, time, stored);
      }
      if (fault !== undefined) {
        this.#refuse(index, fault, metric, value);
        return;
      }
    }
    let channel = slot.channels[KIND_NUMBER];
    if (channel < 0) {
      if (!slot.family.hasNumbers) this.#newNumbers.add(slot.family);
      channel = device.openChannel(slot, KIND_NUMBER);
      if (channel < 0) {
        this.#refuse(index, 'reading.too_many_metrics', metric, value, true);
        return;
      }
    }
    this.#batch.numbers.push(channel, time, value);
    if (index !== this.#lastItem) this.#countItem(index);
  }

  #otherKind(
    index: number,
    device: DeviceEntry,
    slot: MetricSlot,
    metric: string,
    time: number,
    value: unknown,
  ): void {
    // CBOR has integers beyond 2^53; as readings they are numbers like any other.
    if (typeof value === 'bigint') {
      this.#number(index, device, slot, metric, time, Number(value));
      return;
    }
    if (typeof value !== 'boolean' && typeof value !== 'string') {
      this.#refuse(index, 'reading.type', metric, value);
      return;
    }
    const fault = typeof value === 'boolean' ? judgeBoolean(slot.rule, value) : judgeText(slot.rule, value);
    if (fault !== undefined) {
      this.#refuse(index, fault, metric, value);
      return;
    }
    if (typeof value === 'string' && slot.rule.type === undefined && slot.family.hasNumbers) {
      this.#refuse(index, 'reading.type', metric, value, !this.#newNumbers.has(slot.family));
      return;
    }
    if (slot.input !== undefined) this.#derivation.take(device, slot.input, index, time, value);
    const kind = typeof value === 'boolean' ? KIND_BOOLEAN : KIND_TEXT;
    let channel = slot.channels[kind];
    if (channel < 0) channel = device.openChannel(slot, kind);
    if (channel < 0) {
      this.#refuse(index, 'reading.too_many_metrics', metric, value, true);
      return;
    }
    if (typeof value === 'boolean') this.#batch.numbers.push(channel, time, value ? 1 : 0);
    else this.#batch.texts.push(channel, time, value);
    if (index !== this.#lastItem) this.#countItem(index);
  }

  /** A value whose stored form an expression of the profile gives. */
  #computed(
    index: number,
    device: DeviceEntry,
    slot: MetricSlot,
    metric: string,
    time: number,
    value: unknown,
  ): void {
    const found = this.#computation.run({ rule: slot.rule, device: device.facts.id, metric, time, value });
    const isRefused = typeof found === 'object';
    if (slot.input !== undefined) {
      this.#derivation.take(device, slot.input, index, time, isRefused ? Number.NaN : found);
    }
    if (isRefused) {
      this.#reject(index, found[0], `${shown(metric)}: ${shown(value)} ${found[1]}`);
      return;
    }
    const channel = channelOf(device, slot, found);
    if (channel < 0) {
      this.#refuse(index, 'reading.too_many_metrics', metric, value, true);
      return;
    }
    this.#batch.numbers.push(channel, time, Number(found));
    if (index !== this.#lastItem) this.#countItem(index);
  }

  /** A value that was sent by nobody: where it is refused, what it was computed from is stored all the same. */
  #derived({ device, rule, number, index, time, value }: Derived): void {
    const refuse = (code: ErrorCode, message: string): void =>
      this.verdict.note({ index, code, message, device: device.facts.id, late: false });
    if (typeof value === 'object') {
      refuse(value[0], `${shown(rule.name)}: ${value[1]}`);
      return;
    }
    this.#derivedValues += 1;
    if (this.#derivedValues > READINGS_PER_PACKET_MAX) {
      if (this.#derivedValues === READINGS_PER_PACKET_MAX + 1) refuse('payload.too_many', 'derived values');
      return;
    }
    const slot = device.derivedSlot(number);
    const channel = slot === undefined ? -1 : channelOf(device, slot, value);
    if (channel < 0) refuse('reading.too_many_metrics', shown(rule.name));
    else this.#batch.numbers.push(channel, time, Number(value));
  }

  /** Decoders hand over item by item, so a new index is a new item. */
  #countItem(index: number): void {
    this.#lastItem = index;
    this.items += 1;
  }

  /** Times repeat from value to value of an item: read once. Negative = refused, one rejection per item. */
  #readTime(index: number, ts: unknown): number {
    if (index === this.#itemWithBadTime) {
      this.verdict.refuseCall();
      return -1;
    }
    const time = ts === undefined ? this.#receivedAt : readEventTime(ts, this.#receivedAt);
    if (time < 0) {
      this.#itemWithBadTime = index;
      const code = time === TIME_IN_FUTURE ? 'reading.future' : 'reading.timestamp';
      this.#reject(index, code, `ts ${shown(ts)}`);
      return -1;
    }
    this.#lastRawTs = ts;
    this.#lastTime = time;
    return time;
  }

  #inUnit(device: DeviceEntry, slot: MetricSlot, unit: string): MetricSlot | ErrorCode {
    const known = slot.units?.get(unit);
    if (known !== undefined) return known;
    if (unit.length > UNIT_MAX_CHARS || !UNIT.test(unit)) return 'reading.unit';
    return device.slotInUnit(slot, unit) ?? 'reading.too_many_metrics';
  }

  #refuse(index: number, code: ErrorCode, metric: string, value: unknown, late = false): void {
    const message = value === undefined ? shown(metric) : `${shown(metric)}: ${shown(value)}`;
    this.verdict.refuse({ index, code, message, device: this.#device?.facts.id ?? '', late });
  }
}

/** The channel of a computed value; -1 when the device has too many series. */
function channelOf(device: DeviceEntry, slot: MetricSlot, value: number | boolean): number {
  const kind = typeof value === 'boolean' ? KIND_BOOLEAN : KIND_NUMBER;
  const channel = slot.channels[kind];
  return channel < 0 ? device.openChannel(slot, kind) : channel;
}

/** A foreign value in a message: short, on one line; of objects only that they are some. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value !== 'object' || value === null) return String(value);
  return Array.isArray(value) ? 'an array' : 'an object';
}
