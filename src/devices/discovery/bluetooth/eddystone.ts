/**
 * Eddystone (https://github.com/google/eddystone, protocol specification 1.0): UID, URL, TLM and EID frames under
 * service 0xFEAA. Integers are big-endian. A URL is text of a stranger: shown, never fetched.
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

export const EDDYSTONE_SERVICE = 'feaa';

type Frame = (data: Uint8Array) => Result<Decoded, SensoriumError>;

/** "Permissible values", protocol specification; others are reserved. */
const FRAMES: Readonly<Record<number, Frame>> = { 0x00: uid, 0x10: url, 0x20: telemetry, 0x30: ephemeral };

export const decodeEddystone: Decoder = (data) => {
  const [type] = data;
  if (type === undefined) return err(refused('empty'));
  const frame = FRAMES[type];
  return frame === undefined ? NOT_OURS : frame(data);
};

const refused = (why: string): SensoriumError => refusedPayload('eddystone', why);

const power = (data: Uint8Array): { readonly eddystone_power_at_0m_dbm: number } => ({
  eddystone_power_at_0m_dbm: signed(data, 1, 1, 'big'),
});

/** eddystone-uid: power, namespace (10 bytes), instance (6); two reserved bytes that some beacons leave out. */
function uid(data: Uint8Array): Result<Decoded, SensoriumError> {
  if (data.length < 18) return err(refused(`UID cut after ${data.length} bytes`));
  const namespace = hex(data.subarray(2, 12));
  const instance = hex(data.subarray(12, 18));
  return ok({
    label: 'Eddystone-UID',
    identifiers: { uuid: `${namespace}/${instance}` },
    attributes: { eddystone_namespace: namespace, eddystone_instance: instance, ...power(data) },
    readings: [],
    hints: [],
  });
}

const URL_SCHEMES = ['http://www.', 'https://www.', 'http://', 'https://'];
const URL_ENDINGS = ['.com', '.org', '.edu', '.net', '.info', '.biz', '.gov'];
/** Byte n stands for this: the endings with a slash, then without. */
const URL_WORDS = [...URL_ENDINGS.map((ending) => `${ending}/`), ...URL_ENDINGS];
const URL_MAX_BYTES = 17;

/** eddystone-url: power, scheme, 0–17 bytes of text and words. */
function url(data: Uint8Array): Result<Decoded, SensoriumError> {
  if (data.length < 3) return err(refused(`URL cut after ${data.length} bytes`));
  const scheme = URL_SCHEMES[data[2] ?? 0xff];
  if (scheme === undefined) return err(refused(`URL scheme ${data[2]} is not known`));
  const text = data.subarray(3);
  if (text.length > URL_MAX_BYTES) return err(refused(`URL of ${text.length} bytes`));
  let address = scheme;
  for (const byte of text) {
    // "Bytes 0x0e to 0x20 and 0x7f to 0xff are reserved for future use."
    const part = byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : URL_WORDS[byte];
    if (part === undefined) return err(refused(`URL has the reserved byte ${byte}`));
    address += part;
  }
  return ok({
    label: 'Eddystone-URL',
    attributes: { eddystone_url: address, ...power(data) },
    readings: [],
    hints: [],
  });
}

const TLM_PLAIN = 0x00;
const TLM_ENCRYPTED = 0x01;
const TLM_BYTES = 14;
/** 0x8000 in 8.8 fixed point: "if not supported". */
const NO_TEMPERATURE = -128;

/** eddystone-tlm: about the beacon itself: battery, temperature, counters. */
function telemetry(data: Uint8Array): Result<Decoded, SensoriumError> {
  const [, version] = data;
  if (version === TLM_ENCRYPTED) return ok(opaque('Eddystone-TLM (encrypted)'));
  if (version !== TLM_PLAIN) return err(refused(`TLM version ${version ?? 'missing'} is not known`));
  if (data.length < TLM_BYTES) return err(refused(`TLM cut after ${data.length} bytes`));
  const readings: BroadcastReading[] = [];
  const millivolts = unsigned(data, 2, 2, 'big');
  // "If not supported, the value should be zeroed": the beacon has another supply.
  if (millivolts !== 0) readings.push({ metric: 'battery_voltage', value: millivolts / 1_000, unit: 'V' });
  const temperature = signed(data, 4, 2, 'big') / 256;
  if (temperature !== NO_TEMPERATURE)
    readings.push({ metric: 'temperature', value: temperature, unit: 'Cel' });
  readings.push({ metric: 'advertisements', value: unsigned(data, 6, 4, 'big') });
  readings.push({ metric: 'uptime', value: unsigned(data, 10, 4, 'big') / 10, unit: 's' });
  return ok({
    label: 'Eddystone-TLM',
    attributes: {},
    readings,
    hints: [],
    sequence: unsigned(data, 6, 4, 'big'),
  });
}

const EID_BYTES = 10;

/** eddystone-eid: changes every few minutes and tells nothing but to the holder of its key. */
function ephemeral(data: Uint8Array): Result<Decoded, SensoriumError> {
  if (data.length < EID_BYTES) return err(refused(`EID cut after ${data.length} bytes`));
  return ok(opaque('Eddystone-EID'));
}

const opaque = (label: string): Decoded => ({ label, attributes: {}, readings: [], hints: [] });
