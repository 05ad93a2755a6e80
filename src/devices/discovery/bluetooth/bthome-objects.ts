/**
 * The objects of BTHome v2 (https://bthome.io/format): what each number stands for, how wide it is, its factor and
 * unit. Binary sensors whose name a measurement has as well carry another one here: a metric has one type.
 */

type IntegerType = 'u8' | 'u16' | 'u24' | 'u32' | 's8' | 's16' | 's32';

/** Value = integer × `numerator` ÷ `divisor`: a division by a power of ten rounds to the decimals that were meant. */
export interface NumberObject {
  readonly kind: 'number';
  readonly metric: string;
  readonly type: IntegerType;
  readonly divisor: number;
  readonly numerator: number;
  readonly unit?: string | undefined;
}

export type BthomeObject =
  | NumberObject
  | { readonly kind: 'boolean'; readonly metric: string }
  /** Length in its first byte. */
  | { readonly kind: 'text' | 'raw'; readonly metric: string }
  | { readonly kind: 'packet' | 'button' | 'dimmer' }
  | { readonly kind: 'device-type' }
  | { readonly kind: 'firmware'; readonly bytes: 3 | 4 };

type NumberRow = readonly [
  id: number,
  metric: string,
  type: IntegerType,
  divisor?: number,
  unit?: string,
  numerator?: number,
];

/** "Sensor data" of the format page; units in UCUM. */
const NUMBERS: readonly NumberRow[] = [
  [0x01, 'battery', 'u8', 1, '%'],
  [0x02, 'temperature', 's16', 100, 'Cel'],
  [0x03, 'humidity', 'u16', 100, '%'],
  [0x04, 'pressure', 'u24', 100, 'hPa'],
  [0x05, 'illuminance', 'u24', 100, 'lx'],
  [0x06, 'mass', 'u16', 100, 'kg'],
  [0x07, 'mass', 'u16', 100, '[lb_av]'],
  [0x08, 'dew_point', 's16', 100, 'Cel'],
  [0x09, 'count', 'u8'],
  [0x0a, 'energy', 'u24', 1_000, 'kW.h'],
  [0x0b, 'power', 'u24', 100, 'W'],
  [0x0c, 'voltage', 'u16', 1_000, 'V'],
  [0x0d, 'pm25', 'u16', 1, 'ug/m3'],
  [0x0e, 'pm10', 'u16', 1, 'ug/m3'],
  [0x12, 'co2', 'u16', 1, '[ppm]'],
  [0x13, 'tvoc', 'u16', 1, 'ug/m3'],
  [0x14, 'moisture', 'u16', 100, '%'],
  [0x2e, 'humidity', 'u8', 1, '%'],
  [0x2f, 'moisture', 'u8', 1, '%'],
  [0x3d, 'count', 'u16'],
  [0x3e, 'count', 'u32'],
  [0x3f, 'rotation', 's16', 10, 'deg'],
  [0x40, 'distance', 'u16', 1, 'mm'],
  [0x41, 'distance', 'u16', 10, 'm'],
  [0x42, 'duration', 'u24', 1_000, 's'],
  [0x43, 'current', 'u16', 1_000, 'A'],
  [0x44, 'speed', 'u16', 100, 'm/s'],
  [0x45, 'temperature', 's16', 10, 'Cel'],
  [0x46, 'uv_index', 'u8', 10],
  [0x47, 'volume', 'u16', 10, 'L'],
  [0x48, 'volume', 'u16', 1, 'mL'],
  [0x49, 'volume_flow_rate', 'u16', 1_000, 'm3/h'],
  [0x4a, 'voltage', 'u16', 10, 'V'],
  [0x4b, 'gas', 'u24', 1_000, 'm3'],
  [0x4c, 'gas', 'u32', 1_000, 'm3'],
  [0x4d, 'energy', 'u32', 1_000, 'kW.h'],
  [0x4e, 'volume', 'u32', 1_000, 'L'],
  [0x4f, 'water', 'u32', 1_000, 'L'],
  [0x50, 'timestamp', 'u32', 1, 's'],
  [0x51, 'acceleration', 'u16', 1_000, 'm/s2'],
  [0x52, 'gyroscope', 'u16', 1_000, 'deg/s'],
  [0x55, 'volume_storage', 'u32', 1_000, 'L'],
  [0x56, 'conductivity', 'u16', 1, 'uS/cm'],
  [0x57, 'temperature', 's8', 1, 'Cel'],
  [0x58, 'temperature', 's8', 100, 'Cel', 35],
  [0x59, 'count', 's8'],
  [0x5a, 'count', 's16'],
  [0x5b, 'count', 's32'],
  [0x5c, 'power', 's32', 100, 'W'],
  [0x5d, 'current', 's16', 1_000, 'A'],
  [0x5e, 'direction', 'u16', 100, 'deg'],
  [0x5f, 'precipitation', 'u16', 10, 'mm'],
  [0x60, 'channel', 'u8'],
  [0x61, 'rotational_speed', 'u16', 1, '/min'],
  [0x62, 'speed', 's32', 1_000_000, 'm/s'],
  [0x63, 'acceleration', 's32', 1_000_000, 'm/s2'],
  [0x64, 'light_level', 'u8'],
];

/** "Binary sensor data": one byte, 0 or 1. */
const BOOLEANS: readonly (readonly [id: number, metric: string])[] = [
  [0x0f, 'on'],
  [0x10, 'power_on'],
  [0x11, 'opening'],
  [0x15, 'battery_low'],
  [0x16, 'battery_charging'],
  [0x17, 'carbon_monoxide'],
  [0x18, 'cold'],
  [0x19, 'connectivity'],
  [0x1a, 'door'],
  [0x1b, 'garage_door'],
  [0x1c, 'gas_detected'],
  [0x1d, 'heat'],
  [0x1e, 'light'],
  [0x1f, 'lock'],
  [0x20, 'moisture_detected'],
  [0x21, 'motion'],
  [0x22, 'moving'],
  [0x23, 'occupancy'],
  [0x24, 'plug'],
  [0x25, 'presence'],
  [0x26, 'problem'],
  [0x27, 'running'],
  [0x28, 'safety'],
  [0x29, 'smoke'],
  [0x2a, 'sound'],
  [0x2b, 'tamper'],
  [0x2c, 'vibration'],
  [0x2d, 'window'],
];

const OTHERS: readonly (readonly [id: number, object: BthomeObject])[] = [
  [0x00, { kind: 'packet' }],
  [0x3a, { kind: 'button' }],
  [0x3c, { kind: 'dimmer' }],
  [0x53, { kind: 'text', metric: 'text' }],
  [0x54, { kind: 'raw', metric: 'raw' }],
  [0xf0, { kind: 'device-type' }],
  [0xf1, { kind: 'firmware', bytes: 4 }],
  [0xf2, { kind: 'firmware', bytes: 3 }],
];

/** By object id. */
export const BTHOME_OBJECTS: ReadonlyMap<number, BthomeObject> = new Map<number, BthomeObject>([
  ...NUMBERS.map(([id, metric, type, divisor = 1, unit, numerator = 1]): readonly [number, BthomeObject] => [
    id,
    { kind: 'number', metric, type, divisor, unit, numerator },
  ]),
  ...BOOLEANS.map(([id, metric]): readonly [number, BthomeObject] => [id, { kind: 'boolean', metric }]),
  ...OTHERS,
]);

/** "Events": 0x00 = none, for a device with several buttons of which another one was pressed. */
export const BUTTON_EVENTS: ReadonlyMap<number, string> = new Map([
  [0x01, 'press'],
  [0x02, 'double_press'],
  [0x03, 'triple_press'],
  [0x04, 'long_press'],
  [0x05, 'long_double_press'],
  [0x06, 'long_triple_press'],
  [0x80, 'hold_press'],
]);

export const DIMMER_EVENTS: ReadonlyMap<number, string> = new Map([
  [0x01, 'rotate_left'],
  [0x02, 'rotate_right'],
]);
