/**
 * USB hardware with a role in a platform like this one: radio dongles, meters, sensors, serial adapters. Many radios
 * stand behind the same few serial chips, so the texts of the device count as much as its numbers; the first row that
 * fits is taken.
 */
import type { ProfileHint } from '../../../model/discovery.ts';
import { OPEN_PROFILE } from '../../../model/profile.ts';
import type { UsbDevice } from './usb-device.ts';

export interface HardwareRole {
  /** For scripts: `zigbee-coordinator`. */
  readonly role: string;
  /** For people: "Zigbee coordinator (ConBee II)". */
  readonly title: string;
  readonly hints: readonly ProfileHint[];
}

interface Row {
  readonly role: Role;
  /** `vendor:product`; any of them. */
  readonly ids?: readonly string[];
  /** On manufacturer and product together. */
  readonly text?: RegExp;
  /** What it is called; default: what it calls itself. */
  readonly name?: string;
}

/** What each role is, and the profile of what it brings. */
const ROLES = {
  'zigbee-coordinator': {
    title: 'Zigbee coordinator',
    profile: OPEN_PROFILE.id,
    why: 'the devices behind it report through Zigbee2MQTT (preset zigbee2mqtt)',
  },
  'zwave-controller': {
    title: 'Z-Wave controller',
    profile: OPEN_PROFILE.id,
    why: 'the devices behind it report through Z-Wave JS UI over MQTT',
  },
  'thread-radio': {
    title: 'Thread radio',
    profile: OPEN_PROFILE.id,
    why: 'the devices behind it report through a border router',
  },
  'lora-radio': {
    title: 'LoRa radio',
    profile: OPEN_PROFILE.id,
    why: 'the devices behind it report through its gateway software over MQTT',
  },
  'enocean-radio': {
    title: 'EnOcean radio',
    profile: OPEN_PROFILE.id,
    why: 'the devices behind it report through its gateway software',
  },
  'rf-receiver': {
    title: 'Receiver for 433/868 MHz',
    profile: OPEN_PROFILE.id,
    why: 'the sensors it hears report through rtl_433 or its own software over MQTT',
  },
  'bluetooth-adapter': { title: 'Bluetooth adapter', profile: OPEN_PROFILE.id, why: undefined },
  thermometer: {
    title: 'USB thermometer',
    profile: 'environment',
    why: 'it measures temperature or humidity',
  },
  'co2-meter': { title: 'CO2 meter', profile: 'environment', why: 'it measures CO2 and temperature' },
  'onewire-adapter': {
    title: '1-Wire adapter',
    profile: 'environment',
    why: 'what hangs on it is mostly thermometers',
  },
  ups: {
    title: 'Uninterruptible power supply',
    profile: 'energy-meter',
    why: 'it measures voltage and load',
  },
  'gnss-receiver': { title: 'Satellite positioning receiver', profile: OPEN_PROFILE.id, why: undefined },
  'development-board': { title: 'Development board', profile: OPEN_PROFILE.id, why: undefined },
  'serial-adapter': {
    title: 'Serial adapter',
    profile: OPEN_PROFILE.id,
    why: undefined,
  },
} as const satisfies Record<
  string,
  { readonly title: string; readonly profile: string; readonly why: string | undefined }
>;

type Role = keyof typeof ROLES;

/** From the hardware lists of Zigbee2MQTT, Z-Wave JS, rtl_433, Meshtastic and the makers; radios before their chips. */
const ROWS: readonly Row[] = [
  { role: 'zigbee-coordinator', ids: ['1cf1:0030'], name: 'ConBee II' },
  { role: 'zigbee-coordinator', ids: ['0451:16a8'], name: 'CC2531' },
  { role: 'zigbee-coordinator', ids: ['0451:bef3'], name: 'CC26X2R1 LaunchPad' },
  { role: 'zigbee-coordinator', ids: ['10c4:89fb'], name: 'Telegesis ETRX3' },
  { role: 'zigbee-coordinator', ids: ['10c4:8a2a'], name: 'HUSBZB-1, Zigbee and Z-Wave' },
  { role: 'zigbee-coordinator', ids: ['10c4:8b34'], name: 'Bitron BV AV2010/10' },
  { role: 'zwave-controller', ids: ['0658:0200'], name: 'Z-Wave 500 series stick' },
  { role: 'zwave-controller', ids: ['0658:0280'], name: 'Z-Wave programming interface' },
  { role: 'zwave-controller', text: /z-?wave|z-?stick|\bzooz\b|\bzst(?:10|39)\b|\bzwa-?2\b|\buzb\b/i },
  {
    role: 'zigbee-coordinator',
    text: /zigbee|conbee|raspbee|zigate|zig-a-zig|\bzzh\b|skyconnect|\bzbt-?[12]\b|slzb-?0|tubeszb|\bzbdongle\b|\bcc26[57]2|sonoff.*dongle/i,
  },
  { role: 'thread-radio', text: /openthread|\bot[- ]?rcp\b|thread border/i },
  { role: 'enocean-radio', text: /enocean/i },
  {
    role: 'lora-radio',
    text: /\blora(?:wan)?\b|meshtastic|rak(?:4631|7268|wireless)|wisblock|wiscore|t-?beam|heltec/i,
  },
  { role: 'rf-receiver', ids: ['0bda:2832', '0bda:2838'], name: 'RTL2832U' },
  { role: 'rf-receiver', text: /rfxtrx|rfxcom|\bcul(?:433|868)?\b|jeelink|signalduino|rflink/i },
  {
    role: 'thermometer',
    ids: ['0c45:7401', '0c45:7402', '413d:2107', '1a86:e025', '3553:a001'],
    name: 'TEMPer',
  },
  { role: 'thermometer', text: /thermometer|hygrometer|\btemper(?:hum|gold|x)?\b/i },
  { role: 'co2-meter', ids: ['04d9:a052'], name: 'CO2Mini' },
  { role: 'co2-meter', text: /\bco2\b/i },
  { role: 'onewire-adapter', ids: ['04fa:2490'], name: 'DS9490' },
  { role: 'ups', ids: ['051d:0002', '051d:0003', '0463:ffff', '0764:0501', '0764:0601'] },
  { role: 'ups', text: /\bups\b|uninterruptible/i },
  { role: 'gnss-receiver', ids: ['1546:01a6', '1546:01a7', '1546:01a8', '1546:01a9'], name: 'u-blox' },
  { role: 'gnss-receiver', text: /\bg(?:ps|nss)\b/i },
  { role: 'development-board', ids: ['303a:1001'], name: 'ESP32 with built-in USB' },
  { role: 'development-board', text: /arduino|\bpico\b|circuitpython|micropython|feather|esp32|micro:bit/i },
];

/** Wireless controller [USB class codes, E0h]; its subclass 01, protocol 01 is Bluetooth, others are rare. */
const WIRELESS_CLASS = 'e0';

/** Undefined for what is only a USB device. `product` is its name, of itself or of the list. */
export function roleOf(device: UsbDevice, product: string | undefined): HardwareRole | undefined {
  const id = `${device.vendorId}:${device.productId}`;
  const text = `${device.manufacturer ?? ''} ${device.product ?? product ?? ''}`.trim();
  const row = ROWS.find(
    ({ ids, text: pattern }) => ids?.includes(id) === true || pattern?.test(text) === true,
  );
  if (row !== undefined) return describe(row.role, row.name ?? device.product ?? product);
  if (device.classes.includes(WIRELESS_CLASS) && device.drivers.includes('btusb'))
    return describe('bluetooth-adapter', device.product ?? product);
  return device.serialPorts.length > 0 ? describe('serial-adapter', device.product ?? product) : undefined;
}

function describe(role: Role, name: string | undefined): HardwareRole {
  const { title, profile, why } = ROLES[role];
  const full = name === undefined ? title : `${title} (${name})`;
  return {
    role,
    title: full,
    hints: why === undefined ? [] : [{ profile, reason: `${full}: ${why}` }],
  };
}
