/**
 * Identifiers in one spelling, and which of them may speak for a device. What many things share (a zero MAC, the
 * serial "0123456789", a loopback address) identifies nothing and is dropped here.
 */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { Identifiers } from '../../model/discovery.ts';
import { plainText } from '../registry/text-rules.ts';

export type IdentifierKind = keyof Identifiers;

/** From what lasts longest to what changes first. */
export const IDENTIFIER_KINDS: readonly IdentifierKind[] = [
  'mac',
  'uuid',
  'serial',
  'port',
  'hostName',
  'ip',
];

/** A thing has one of these: two that differ are two things, whatever else they share. */
export const EXCLUSIVE_KINDS: readonly IdentifierKind[] = ['mac', 'serial'];

const IDENTIFIER_MAX_CHARS = 128;
const SERIAL_MIN_CHARS = 5;

type Normalizer = (text: string) => string | undefined;

const NORMALIZERS: Readonly<Record<IdentifierKind, Normalizer>> = {
  mac: normalMac,
  uuid: normalUuid,
  serial: normalSerial,
  hostName: normalHostName,
  ip: normalIp,
  port: (text) => (text === '' ? undefined : text),
};

/** In the order of IDENTIFIER_KINDS; unusable ones left out. */
export function normalIdentifiers(
  identifiers: Identifiers,
): readonly (readonly [kind: IdentifierKind, value: string])[] {
  return IDENTIFIER_KINDS.flatMap((kind) => {
    const given = identifiers[kind];
    const value = given === undefined ? undefined : NORMALIZERS[kind](plainText(given, IDENTIFIER_MAX_CHARS));
    return value === undefined ? [] : [[kind, value] as const];
  });
}

export const identifierKey = (kind: IdentifierKind, value: string): string => `${kind}:${value}`;

/** Short, stable, fit for a path and a command line; from the identifier it was first known by. */
export const candidateId = (key: string): string =>
  createHash('sha256').update(key).digest('hex').slice(0, 12);

/** Groups of two, with or without `:` `-` `.`; zero, broadcast and multicast addresses are nobody's. */
function normalMac(text: string): string | undefined {
  const digits = text.toLowerCase().replaceAll(/[:.-]/g, '');
  if (!/^(?:[0-9a-f]{12}|[0-9a-f]{16})$/.test(digits) || /^0+$/.test(digits)) return undefined;
  // IEEE 802, 8.2: the lowest bit of the first byte is set in group addresses.
  if ((Number.parseInt(digits.slice(0, 2), 16) & 1) === 1) return undefined;
  return (digits.match(/../g) ?? []).join(':');
}

function normalUuid(text: string): string | undefined {
  const digits = text
    .toLowerCase()
    .replace(/^uuid:/, '')
    .replaceAll(/[{}-]/g, '');
  // Some makers put other text where UPnP asks for a UUID; it still tells their devices apart.
  if (!/^[0-9a-f]{32}$/.test(digits)) return digits.length < 8 ? undefined : digits;
  if (/^(.)\1*$/.test(digits)) return undefined;
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Serials that makers leave in: none, blanks, one character repeated, the row of digits. */
function normalSerial(text: string): string | undefined {
  const serial = text.toLowerCase();
  const core = serial.replaceAll(/[^a-z0-9]/g, '');
  const isFiller =
    /^(.)\1*$/.test(core) ||
    '01234567890123456789'.includes(core) ||
    /^(none|null|unknown|default|notset|tobefilledbyoem|serialnumber)$/.test(core);
  return core.length < SERIAL_MIN_CHARS || isFiller ? undefined : serial;
}

function normalHostName(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.+$/, '');
  if (name === '' || /^localhost(\.|$)/.test(name) || /\s/.test(name) || isIP(name) !== 0) return undefined;
  return name;
}

/** An address of the link (`fe80::1%eth0`) is unique on one link only, so its zone stays. */
function normalIp(text: string): string | undefined {
  const mapped = text.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  const family = isIP(mapped);
  if (family === 0) return undefined;
  const isNobodys =
    family === 4
      ? /^(0\.|127\.|22[4-9]\.|23\d\.|24\d\.|25[0-5]\.)/.test(mapped)
      : mapped === '::' || mapped === '::1' || mapped.startsWith('ff');
  return isNobodys ? undefined : mapped;
}
