/**
 * iBeacon (Apple, "Proximity Beacon Specification", R1, 2015): an identity of 20 bytes and the power at 1 m. A beacon
 * has no readings; Apple's other messages under the same company number are not looked at.
 */
import { err, ok } from '../../../base/result.ts';
import { type Decoder, NOT_OURS, refusedPayload } from './advertisement.ts';
import { hex, signed, unsigned } from './bytes.ts';

export const APPLE = 0x004c;

const TYPE = 0x02;
/** Bytes after type and length: UUID 16, major 2, minor 2, power 1. */
const LENGTH = 21;

export const decodeIBeacon: Decoder = (data) => {
  if (data[0] !== TYPE) return NOT_OURS;
  if (data[1] !== LENGTH)
    return err(refusedPayload('ibeacon', `length ${data[1] ?? 'missing'}, not ${LENGTH}`));
  if (data.length < LENGTH + 2) return err(refusedPayload('ibeacon', `cut after ${data.length} bytes`));
  const uuid = hex(data.subarray(2, 18)).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const major = unsigned(data, 18, 2, 'big');
  const minor = unsigned(data, 20, 2, 'big');
  return ok({
    label: 'iBeacon',
    // One UUID is shared by all beacons of an owner; all three together are one beacon.
    identifiers: { uuid: `${uuid}/${major}/${minor}` },
    attributes: {
      ibeacon_uuid: uuid,
      ibeacon_major: major,
      ibeacon_minor: minor,
      ibeacon_power_at_1m_dbm: signed(data, 22, 1, 'big'),
    },
    readings: [],
    hints: [],
  });
};
