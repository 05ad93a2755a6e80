/**
 * RuuviTag data formats 3 (RAWv1) and 5 (RAWv2), https://docs.ruuvi.com/communication/bluetooth-advertisements.
 * Integers are big-endian; a value the sensor does not have is left out.
 */
import { err, ok, type Result } from '../../../base/result.ts';
import type { SensoriumError } from '../../../model/errors.ts';
import {
  type BroadcastReading,
  type Decoded,
  type Decoder,
  NOT_OURS,
  refusedPayload,
} from './advertisement.ts';
import { hex, signed, unsigned } from './bytes.ts';

export const RUUVI = 0x0499;

const MANUFACTURER = 'Ruuvi Innovations';
const HINT = 'environment';

export const decodeRuuvi: Decoder = (data) => {
  if (data[0] === 3) return rawV1(data);
  if (data[0] === 5) return rawV2(data);
  return NOT_OURS;
};

type Measured = readonly (readonly [metric: string, value: number | undefined, unit?: string])[];

const V1_BYTES = 14;

function rawV1(data: Uint8Array): Result<Decoded, SensoriumError> {
  if (data.length < V1_BYTES) return err(refusedPayload('ruuvi', `format 3 cut after ${data.length} bytes`));
  // Sign and magnitude, not two's complement: -0.5 is 0x80 0x32.
  const whole = unsigned(data, 2, 1, 'big');
  const fraction = unsigned(data, 3, 1, 'big');
  if (fraction > 99) return err(refusedPayload('ruuvi', `format 3 with ${fraction} hundredths of a degree`));
  const hundredths = (whole & 0x7f) * 100 + fraction;
  return ok(
    tag(3, [
      ['temperature', (whole & 0x80) === 0 ? hundredths / 100 : -hundredths / 100, 'Cel'],
      ['humidity', unsigned(data, 1, 1, 'big') / 2, '%'],
      ['pressure', (unsigned(data, 4, 2, 'big') + 50_000) / 100, 'hPa'],
      ['acceleration_x', signed(data, 6, 2, 'big') / 1_000, '[g]'],
      ['acceleration_y', signed(data, 8, 2, 'big') / 1_000, '[g]'],
      ['acceleration_z', signed(data, 10, 2, 'big') / 1_000, '[g]'],
      ['battery_voltage', unsigned(data, 12, 2, 'big') / 1_000, 'V'],
    ]),
  );
}

const V2_BYTES = 24;
const NO_MAC = 'ffffffffffff';

function rawV2(data: Uint8Array): Result<Decoded, SensoriumError> {
  if (data.length < V2_BYTES) return err(refusedPayload('ruuvi', `format 5 cut after ${data.length} bytes`));
  // 11 bits of battery above 1.6 V, 5 bits of transmission power above -40 dBm in steps of 2.
  const supply = unsigned(data, 13, 2, 'big');
  const battery = supply >> 5;
  const power = supply & 0x1f;
  const counter = unsigned(data, 16, 2, 'big');
  const mac = hex(data.subarray(18, 24));
  const sequence = counter === 0xffff ? undefined : counter;
  const decoded = tag(5, [
    ['temperature', scaled(signed(data, 1, 2, 'big'), -0x8000, (raw) => raw / 200), 'Cel'],
    ['humidity', scaled(unsigned(data, 3, 2, 'big'), 0xffff, (raw) => raw / 400), '%'],
    ['pressure', scaled(unsigned(data, 5, 2, 'big'), 0xffff, (raw) => (raw + 50_000) / 100), 'hPa'],
    ['acceleration_x', scaled(signed(data, 7, 2, 'big'), -0x8000, (raw) => raw / 1_000), '[g]'],
    ['acceleration_y', scaled(signed(data, 9, 2, 'big'), -0x8000, (raw) => raw / 1_000), '[g]'],
    ['acceleration_z', scaled(signed(data, 11, 2, 'big'), -0x8000, (raw) => raw / 1_000), '[g]'],
    ['battery_voltage', scaled(battery, 0x7ff, (raw) => (raw + 1_600) / 1_000), 'V'],
    ['movement_counter', scaled(unsigned(data, 15, 1, 'big'), 0xff, (raw) => raw)],
    ['measurement_sequence', sequence],
  ]);
  return ok({
    ...decoded,
    identifiers: mac === NO_MAC ? undefined : { mac },
    attributes:
      power === 0x1f ? decoded.attributes : { ...decoded.attributes, ruuvi_tx_power_dbm: power * 2 - 40 },
    sequence,
  });
}

const scaled = (raw: number, none: number, scale: (raw: number) => number): number | undefined =>
  raw === none ? undefined : scale(raw);

const tag = (format: number, measured: Measured): Decoded => ({
  label: `RuuviTag data format ${format}`,
  manufacturer: MANUFACTURER,
  model: 'RuuviTag',
  attributes: { ruuvi_format: format },
  readings: measured.flatMap(([metric, value, unit]): BroadcastReading[] =>
    value === undefined ? [] : [{ metric, value, unit }],
  ),
  hints: [{ profile: HINT, reason: `broadcasts RuuviTag data format ${format}` }],
});
