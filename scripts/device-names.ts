/**
 * Makes the name lists that discovery ships, from what Debian packages: vendors and well-known products of USB (package
 * usb.ids), companies and services of Bluetooth (package tshark). Run by hand when the lists shall be newer.
 *
 *   node scripts/device-names.ts usb /usr/share/misc/usb.ids
 *   tshark -G values | node scripts/device-names.ts bluetooth
 */
import { readFileSync, writeFileSync } from 'node:fs';

const USB_FILE = 'src/devices/discovery/usb/usb-names.json';
const BLUETOOTH_FILE = 'src/devices/discovery/bluetooth/assigned-numbers.json';

const NAME_MAX_CHARS = 64;

/** Whose products are named: serial chips, radio dongles, boards and sensors. Of the others the vendor is enough. */
const PRODUCT_VENDORS = [
  '03eb', // Atmel
  '0403', // FTDI
  '0451', // Texas Instruments
  '0483', // STMicroelectronics
  '04d8', // Microchip
  '04fa', // Dallas: 1-Wire
  '0658', // Sigma Designs: Z-Wave
  '067b', // Prolific
  '0d28', // Arm DAPLink
  '10c4', // Silicon Labs
  '1366', // SEGGER
  '1546', // u-blox
  '1915', // Nordic
  '1a86', // QinHeng (CH34x)
  '1cf1', // dresden elektronik
  '1fc9', // NXP
  '2341', // Arduino
  '2458', // Bluegiga
  '2a03', // Arduino
  '2e8a', // Raspberry Pi
  '303a', // Espressif
];

/** Products of any vendor whose names speak of what a platform like this one wants. */
const PRODUCT_WORDS =
  /zig-?bee|z-?wave|802\.15\.4|\bLoRa|thread|enocean|\brs-?(?:232|422|485)\b|\buart\b|serial adapter|usb.serial|thermometer|temper\b|\bhygro|\bco2\b|1-wire|\bmodbus|\bcan\b.*adapter|rtl28|\bups\b|bluetooth|gps|gnss/i;

function usbNames(text: string): unknown {
  const vendors: Record<string, string> = {};
  const products: Record<string, string> = {};
  let vendor = '';
  for (const line of text.split('\n')) {
    // The list of device classes follows the vendors.
    if (line.startsWith('C 00')) break;
    const [, id, name] = /^([0-9a-f]{4}) {2}(.+)$/.exec(line) ?? [];
    if (id !== undefined && name !== undefined) {
      vendor = id;
      vendors[id] = short(name);
    }
    const [, product, title] = /^\t([0-9a-f]{4}) {2}(.+)$/.exec(line) ?? [];
    if (product === undefined || title === undefined) continue;
    if (PRODUCT_VENDORS.includes(vendor) || PRODUCT_WORDS.test(title))
      products[`${vendor}:${product}`] = short(title);
  }
  const [, version = 'unknown'] = /^# Version: (\S+)/m.exec(text) ?? [];
  return {
    source: `http://www.linux-usb.org/usb.ids, version ${version}, trimmed`,
    licence: 'BSD-3-Clause, Copyright (C) Stephen J. Gowdy and contributors',
    vendors,
    products,
  };
}

function bluetoothNames(text: string): unknown {
  return {
    source: 'Bluetooth SIG, Assigned Numbers, as listed by tshark -G values',
    licence: 'numbers and names assigned by the Bluetooth SIG',
    companies: valueTable(text, 'btcommon.eir_ad.entry.company_id', () => true),
    services: valueTable(
      text,
      'btatt.service_uuid16',
      // Assigned Numbers, 3.4 and 3.11: GATT services, then members and standards bodies.
      (id) => (id >= 0x1800 && id < 0x1900) || id >= 0xfc00,
    ),
  };
}

function valueTable(
  text: string,
  field: string,
  isWanted: (id: number) => boolean,
): Readonly<Record<string, string>> {
  const names: Record<string, string> = {};
  for (const line of text.split('\n')) {
    if (!line.startsWith(`V\t${field}\t`)) continue;
    const [, , value = '', name = ''] = line.split('\t');
    const id = Number(value);
    if (Number.isInteger(id) && id < 0xffff && name !== '' && isWanted(id)) names[hex4(id)] = short(name);
  }
  return names;
}

const hex4 = (id: number): string => id.toString(16).padStart(4, '0');

const short = (name: string): string =>
  name
    .replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, NAME_MAX_CHARS)
    .trimEnd();

function main([what, file]: readonly string[]): void {
  const text = readFileSync(file ?? 0, 'utf8');
  const [names, target] =
    what === 'usb' ? [usbNames(text), USB_FILE] : [bluetoothNames(text), BLUETOOTH_FILE];
  writeFileSync(target, `${JSON.stringify(names, undefined, 2)}\n`);
  console.log(`${target}: ${JSON.stringify(names).length} bytes`);
}

main(process.argv.slice(2));
