/**
 * BTHome v2 (https://bthome.io/format), unencrypted: a byte about the device, then objects of a number and a value
 * each. Integers are little-endian. What is encrypted is named as such and not looked into.
 */
import { err, ok } from '../../../base/result.ts';
import type { ProfileHint } from '../../../model/discovery.ts';
import type { SensoriumError } from '../../../model/errors.ts';
import { type BroadcastReading, type Decoded, type Decoder, refusedPayload } from './advertisement.ts';
import {
  BTHOME_OBJECTS,
  type BthomeObject,
  BUTTON_EVENTS,
  DIMMER_EVENTS,
  type NumberObject,
} from './bthome-objects.ts';
import { hex, type IntegerWidth, signed, unsigned } from './bytes.ts';

export const BTHOME_SERVICE = 'fcd2';

const VERSION = 2;
/** Device information byte: bit 0 encryption, bit 2 trigger based, bits 5–7 version. */
const ENCRYPTED = 0x01;
const TRIGGERED = 0x04;

export const decodeBthome: Decoder = (data) => {
  const [info] = data;
  if (info === undefined) return err(refused('empty'));
  if (info >> 5 !== VERSION) return err(refused(`version ${info >> 5} is not known`));
  if ((info & ENCRYPTED) !== 0)
    return ok({
      label: 'BTHome v2 (encrypted)',
      attributes: { bthome_encrypted: true },
      readings: [],
      hints: [],
    });
  const found = new Findings();
  const failure = readObjects(data, found);
  return failure === undefined ? ok(found.decoded((info & TRIGGERED) !== 0)) : err(failure);
};

const refused = (why: string): SensoriumError => refusedPayload('bthome', why);

/** Fills `found`; returns the refusal. */
function readObjects(data: Uint8Array, found: Findings): SensoriumError | undefined {
  let at = 1;
  while (at < data.length) {
    const id = data[at] ?? 0;
    const object = BTHOME_OBJECTS.get(id);
    if (object === undefined) {
      // "Receivers stop at an object id they do not know": its length is not known either. What came before stands.
      found.attributes['bthome_unknown_object'] = id;
      return undefined;
    }
    const length = lengthOf(object, data, at + 1);
    if (length === undefined || at + 1 + length > data.length)
      return refused(`object 0x${id.toString(16)} cut at byte ${data.length}`);
    found.take(object, data.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
  return undefined;
}

const WIDTHS = { u8: 1, s8: 1, u16: 2, s16: 2, u24: 3, u32: 4, s32: 4 } as const satisfies Record<
  NumberObject['type'],
  IntegerWidth
>;

/** Bytes of the value; undefined where the byte that says so is missing. */
function lengthOf(object: BthomeObject, data: Uint8Array, at: number): number | undefined {
  switch (object.kind) {
    case 'number':
      return WIDTHS[object.type];
    case 'text':
    case 'raw': {
      const length = data[at];
      return length === undefined ? undefined : length + 1;
    }
    case 'dimmer':
    case 'device-type':
      return 2;
    case 'firmware':
      return object.bytes;
    case 'packet':
    case 'button':
    case 'boolean':
      return 1;
  }
}

/** What the objects of one packet said, in their order. */
class Findings {
  readonly attributes: Record<string, string | number | boolean> = {};
  readonly #readings: BroadcastReading[] = [];
  /** How often a metric came: the second temperature is `temperature_2`. */
  readonly #counts = new Map<string, number>();
  #packet: number | undefined;
  #isEvent = false;

  take(object: BthomeObject, value: Uint8Array): void {
    switch (object.kind) {
      case 'number':
        return this.#read(object.metric, numberOf(object, value), object.unit);
      case 'boolean':
        return this.#read(object.metric, value[0] !== 0);
      case 'text':
        return this.#read(object.metric, Buffer.from(value.subarray(1)).toString('utf8'));
      case 'raw':
        return this.#read(object.metric, hex(value.subarray(1)));
      case 'packet':
        this.#packet = value[0];
        return;
      case 'button':
        return this.#event('button', BUTTON_EVENTS.get(value[0] ?? 0));
      case 'dimmer':
        return this.#dimmer(value);
      case 'device-type':
        this.attributes['bthome_device_type'] = unsigned(value, 0, 2, 'little');
        return;
      case 'firmware':
        // Little-endian as a number: the major version is the last byte.
        this.attributes['bthome_firmware'] = [...value].toReversed().join('.');
        return;
    }
  }

  decoded(isTriggered: boolean): Decoded {
    if (isTriggered) this.attributes['bthome_trigger_based'] = true;
    return {
      label: 'BTHome v2',
      attributes: this.attributes,
      readings: this.#readings,
      hints: hintsOf(this.#readings),
      sequence: this.#packet,
      isEvent: this.#isEvent,
    };
  }

  #read(metric: string, value: BroadcastReading['value'], unit?: string): void {
    this.#readings.push({ metric: this.#numbered(metric), value, unit });
  }

  /** The name is taken also where nothing happened: the second of two buttons stays the second. */
  #event(metric: string, event: string | undefined): void {
    const name = this.#numbered(metric);
    if (event === undefined) return;
    this.#isEvent = true;
    this.#readings.push({ metric: name, value: event });
  }

  #dimmer([event = 0, steps = 0]: Uint8Array): void {
    const name = this.#numbered('dimmer');
    const turned = DIMMER_EVENTS.get(event);
    if (turned === undefined) return;
    this.#isEvent = true;
    this.#readings.push({ metric: name, value: turned }, { metric: `${name}_steps`, value: steps });
  }

  #numbered(metric: string): string {
    const count = (this.#counts.get(metric) ?? 0) + 1;
    this.#counts.set(metric, count);
    return count === 1 ? metric : `${metric}_${count}`;
  }
}

function numberOf({ type, divisor, numerator }: NumberObject, value: Uint8Array): number {
  const read = type.startsWith('s') ? signed : unsigned;
  return (read(value, 0, WIDTHS[type], 'little') * numerator) / divisor;
}

/** Metrics that one of the shipped profiles is about. */
const TELLING: readonly (readonly [profile: string, metrics: readonly string[]])[] = [
  ['environment', ['temperature', 'humidity', 'pressure', 'co2', 'illuminance']],
  ['energy-meter', ['power', 'energy', 'current']],
];

const hintsOf = (readings: readonly BroadcastReading[]): readonly ProfileHint[] =>
  TELLING.flatMap(([profile, metrics]) => {
    const told = metrics.filter((metric) => readings.some((reading) => reading.metric === metric));
    return told.length === 0 ? [] : [{ profile, reason: `broadcasts ${told.join(', ')} (BTHome v2)` }];
  });
