/** The TXT record of a DNS-SD service (RFC 6763, 6): keys that makers agree on, the rest as attributes. */
import { DISCOVERY_ATTRIBUTES_MAX } from '../../../base/limits.ts';
import type { Identifiers } from '../../../model/discovery.ts';

export type TextRecord = Readonly<Record<string, unknown>>;

interface TextFacts {
  readonly identifiers: Identifiers;
  readonly names: readonly string[];
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Lower case; the first that is there counts. Shelly, ESPHome, HomeKit, Matter, printers, Google Cast, Home Assistant. */
const KEYS = {
  // Not `id`: that of HomeKit looks like a MAC and is a random number.
  mac: ['mac', 'macaddress', 'deviceid'],
  serial: ['serial', 'serialnumber', 'sn'],
  uuid: ['uuid', 'udn'],
  name: ['friendly_name', 'fn', 'name', 'ty'],
  manufacturer: ['manufacturer', 'vendor', 'usb_mfg', 'mfg'],
  model: ['model', 'md', 'app', 'project_name', 'usb_mdl', 'board', 'product'],
} as const;

export function factsOfText(record: TextRecord): TextFacts {
  const texts = new Map<string, string>();
  for (const [key, value] of Object.entries(record).slice(0, DISCOVERY_ATTRIBUTES_MAX))
    if (typeof value === 'string' && value !== '') texts.set(key.toLowerCase(), value);
  const get = (keys: readonly string[]): string | undefined =>
    keys.map((key) => texts.get(key)).find((value) => value !== undefined);
  const mac = KEYS.mac.map((key) => texts.get(key)).find((text) => text !== undefined && isMac(text));
  const name = get(KEYS.name);
  return {
    identifiers: { mac, serial: get(KEYS.serial), uuid: get(KEYS.uuid) },
    names: name === undefined ? [] : [name],
    manufacturer: get(KEYS.manufacturer),
    model: get(KEYS.model),
    attributes: Object.fromEntries([...texts].map(([key, value]) => [`txt.${key}`, value])),
  };
}

const isMac = (text: string): boolean => /^(?:[0-9a-f]{2}[:-]?){5}[0-9a-f]{2}$/i.test(text);
