/** A USB device as a sighting: what it is called, what it is good for, by what to know it again. */
import type { Identifiers, Sighting } from '../../../model/discovery.ts';
import { normalIdentifiers } from '../identity.ts';
import { sighting } from '../scanner.ts';
import { roleOf } from './known-hardware.ts';
import type { UsbDevice } from './usb-device.ts';
import type { UsbNames } from './usb-names.ts';

/** https://www.usb.org/defined-class-codes; those not here are shown by their number. */
const CLASS_NAMES: Readonly<Record<string, string>> = {
  '01': 'audio',
  '02': 'communications',
  '03': 'human interface',
  '06': 'image',
  '07': 'printer',
  '08': 'mass storage',
  '0a': 'data',
  '0b': 'smart card',
  '0e': 'video',
  e0: 'wireless',
  fe: 'application specific',
  ff: 'vendor specific',
};

/** `ts`: wall time, ms. */
export function sightingOf(device: UsbDevice, names: UsbNames, ts: number): Sighting {
  const { vendorId, productId, socket } = device;
  const product = device.product ?? names.productName(vendorId, productId);
  const role = roleOf(device, product);
  return sighting({
    scanner: 'usb',
    identifiers: identifiersOf(device),
    names: [product, role?.title].filter((name) => name !== undefined),
    manufacturer: device.manufacturer ?? names.vendorName(vendorId),
    model: product,
    services: [`usb:${vendorId}:${productId}`, ...device.serialPorts.map((path) => `serial:${path}`)],
    attributes: {
      usb_vendor: names.vendorName(vendorId) ?? vendorId,
      usb_socket: socket,
      ...listed(
        'usb_classes',
        device.classes.map((code) => CLASS_NAMES[code] ?? code),
      ),
      ...listed('usb_drivers', device.drivers),
      ...listed('serial_ports', device.serialPorts),
      ...(device.speedMbps === undefined ? {} : { usb_speed_mbps: device.speedMbps }),
      ...(role === undefined ? {} : { role: role.role }),
    },
    evidence: `USB device ${vendorId}:${productId} in socket ${socket}`,
    hints: role?.hints ?? [],
    ts,
  });
}

/** The same "0001" is in millions of serial chips; then only the socket tells two of them apart. */
function identifiersOf({ serial, socket, vendorId, productId }: UsbDevice): Identifiers {
  return normalIdentifiers({ serial }).length > 0
    ? { serial }
    : { port: `usb:${socket}/${vendorId}:${productId}` };
}

const listed = (key: string, items: readonly string[]): Readonly<Record<string, string>> =>
  items.length === 0 ? {} : { [key]: items.join(', ') };
