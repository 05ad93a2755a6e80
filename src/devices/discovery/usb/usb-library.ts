/**
 * USB devices where the kernel shows no tree (macOS, Windows), through the optional packages `usb` and `serialport`.
 * Neither opens a device: what the system itself knows is enough.
 */
import { SERIAL_LIST_TIMEOUT_MS, USB_DEVICES_MAX } from '../../../base/limits.ts';
import type { UsbDevice } from './usb-device.ts';

/** What is plugged in; undefined where the package is not there or cannot look. */
export async function listWithLibrary(): Promise<readonly UsbDevice[] | undefined> {
  try {
    const { nativeGetDevices } = await import('usb/index.js');
    const [devices, ports] = await Promise.all([nativeGetDevices(), listSerialPorts()]);
    return devices.slice(0, USB_DEVICES_MAX).flatMap((device) => {
      // USB class codes, 09h: hub.
      if (device.deviceClass === 9) return [];
      const [vendorId, productId] = [hex(device.vendorId, 4), hex(device.productId, 4)];
      const serial = device.serialNumber ?? undefined;
      return [
        {
          vendorId,
          productId,
          socket: `${device.bus}-${device.ports.join('.')}`,
          deviceNumber: device.address,
          manufacturer: device.manufacturerName ?? undefined,
          product: device.productName ?? undefined,
          serial,
          classes: classesOf(device),
          drivers: [],
          serialPorts: ports
            .filter((port) => port.vendorId === vendorId && port.productId === productId)
            .filter((port) => port.serialNumber === undefined || port.serialNumber === serial)
            .map(({ path }) => path),
        },
      ];
    });
  } catch {
    return undefined;
  }
}

interface Classed {
  readonly deviceClass: number;
  readonly configurations: readonly {
    readonly interfaces: readonly {
      readonly alternates: readonly { readonly interfaceClass: number }[];
    }[];
  }[];
}

function classesOf({ deviceClass, configurations }: Classed): readonly string[] {
  const codes = configurations.flatMap(({ interfaces }) =>
    interfaces.flatMap(({ alternates }) => alternates.map(({ interfaceClass }) => interfaceClass)),
  );
  return [...new Set([deviceClass, ...codes])].filter((code) => code !== 0).map((code) => hex(code, 2));
}

interface SerialPort {
  readonly path: string;
  readonly vendorId: string | undefined;
  readonly productId: string | undefined;
  readonly serialNumber: string | undefined;
}

/** None where the package is not there, or the system does not answer. */
async function listSerialPorts(): Promise<readonly SerialPort[]> {
  const { promise: late, resolve } = Promise.withResolvers<readonly SerialPort[]>();
  const timer = setTimeout(() => resolve([]), SERIAL_LIST_TIMEOUT_MS);
  try {
    const { SerialPort: Library } = await import('serialport');
    const listed = Library.list().then((ports) =>
      ports.map(({ path, vendorId, productId, serialNumber }) => ({
        path,
        vendorId: vendorId?.toLowerCase(),
        productId: productId?.toLowerCase(),
        serialNumber,
      })),
    );
    return await Promise.race([listed, late]);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
