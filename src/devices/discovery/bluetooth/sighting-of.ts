/**
 * An advertisement as a sighting: who sent it, what it said, what that makes of it. Phones and watches that change
 * their address to stay unknown are no sighting at all, unless they send the identity of a beacon.
 */
import { DISCOVERY_SERVICES_MAX } from '../../../base/limits.ts';
import type { Identifiers, Sighting } from '../../../model/discovery.ts';
import { sighting } from '../scanner.ts';
import { isLasting } from './address.ts';
import type { Advertisement, BroadcastReading, Decoded } from './advertisement.ts';
import type { AssignedNumbers } from './assigned-numbers.ts';
import { APPLE } from './ibeacon.ts';

export interface Heard {
  readonly advertisement: Advertisement;
  /** Its parts that were understood. */
  readonly decoded: readonly Decoded[];
  /** Those of their readings that are new. */
  readonly readings: readonly BroadcastReading[];
  /** What was wrong with its other parts. */
  readonly refusals: readonly string[];
  /** Wall time, ms. */
  readonly ts: number;
}

/** Undefined where nothing in it lasts long enough to know the sender again. */
export function sightingOf(heard: Heard, names: AssignedNumbers): Sighting | undefined {
  const { advertisement, decoded, ts } = heard;
  const identifiers = identifiersOf(advertisement, decoded);
  if (identifiers === undefined) return undefined;
  const told = decoded.map(({ label }) => label);
  return sighting({
    scanner: 'bluetooth',
    identifiers,
    names: isNamed(advertisement) ? [advertisement.name] : [],
    manufacturer: manufacturerOf(advertisement, decoded, names),
    model: decoded.find(({ model }) => model !== undefined)?.model,
    services: serviceUuids(advertisement).map((uuid) => `bluetooth:${uuid}`),
    attributes: attributesOf(heard, names),
    signalDbm: advertisement.rssiDbm,
    evidence: told.length === 0 ? 'advertises over Bluetooth LE' : `advertises ${told.join(', ')}`,
    hints: decoded.flatMap(({ hints }) => hints),
    readings: heard.readings.map((reading) => ({ ...reading, ts })),
    ts,
  });
}

function identifiersOf(advertisement: Advertisement, decoded: readonly Decoded[]): Identifiers | undefined {
  const own = Object.assign({}, ...decoded.map(({ identifiers }) => identifiers)) as Identifiers;
  if (!isLasting(advertisement)) return Object.keys(own).length === 0 ? undefined : own;
  const address = advertisement.address.toLowerCase();
  // A static random address is no EUI-48 of a maker, so elsewhere it may be refused as one.
  return advertisement.addressType === 'random'
    ? { port: `bluetooth:${address}`, mac: address, ...own }
    : { mac: address, ...own };
}

/** BlueZ gives the address as the name of what has none. */
const isNamed = (advertisement: Advertisement): advertisement is Advertisement & { readonly name: string } =>
  advertisement.name !== undefined &&
  advertisement.name.replaceAll(/[:-]/g, '').toLowerCase() !==
    advertisement.address.replaceAll(':', '').toLowerCase();

function manufacturerOf(
  { manufacturerData }: Advertisement,
  decoded: readonly Decoded[],
  names: AssignedNumbers,
): string | undefined {
  const known = decoded.find(({ manufacturer }) => manufacturer !== undefined);
  if (known !== undefined) return known.manufacturer;
  const [first] = manufacturerData;
  // Every maker's iBeacon carries Apple's number.
  const isBeacon = decoded.some(({ attributes }) => attributes['ibeacon_uuid'] !== undefined);
  return first === undefined || (first.company === APPLE && isBeacon)
    ? undefined
    : names.companyName(first.company);
}

const serviceUuids = ({ serviceUuids: listed, serviceData }: Advertisement): readonly string[] =>
  [...new Set([...listed, ...serviceData.map(({ uuid }) => uuid)])].slice(0, DISCOVERY_SERVICES_MAX);

function attributesOf(
  { advertisement, decoded, refusals }: Heard,
  names: AssignedNumbers,
): Sighting['attributes'] {
  const { addressType, txPowerDbm } = advertisement;
  const services = serviceUuids(advertisement).flatMap((uuid) => names.serviceName(uuid) ?? []);
  return {
    bluetooth_address_type: addressType,
    ...(txPowerDbm === undefined ? {} : { bluetooth_tx_power_dbm: txPowerDbm }),
    ...(services.length === 0 ? {} : { bluetooth_services: services.join(', ') }),
    ...(refusals.length === 0 ? {} : { bluetooth_refused: refusals.join('; ') }),
    ...Object.assign({}, ...decoded.map(({ attributes }) => attributes)),
    // Also those that are not new: whoever looks at the inbox wants to see what the thing says.
    ...Object.fromEntries(
      decoded.flatMap(({ readings }) => readings.map(({ metric, value }) => [metric, value])),
    ),
  };
}
