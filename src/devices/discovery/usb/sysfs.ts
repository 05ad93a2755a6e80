/**
 * USB devices from the tree the kernel shows (Documentation/ABI/testing/sysfs-bus-usb). The roots are parameters, so
 * that a fixture is as good as a machine. A device that goes while it is read is not there; hubs are no devices.
 */
import { opendir, readFile, readlink } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import {
  SYSFS_ATTRIBUTE_MAX_CHARS,
  SYSFS_ENTRIES_MAX,
  USB_DEVICES_MAX,
  USB_INTERFACES_MAX,
} from '../../../base/limits.ts';
import type { UsbDevice } from './usb-device.ts';

export interface SysfsRoots {
  /** Default `/sys`. */
  readonly sys: string;
  /** Default `/dev`. */
  readonly dev: string;
}

export const SYSTEM_ROOTS: SysfsRoots = { sys: '/sys', dev: '/dev' };

/** `1-1.4`; `usb1` is a root hub, `1-1.4:1.0` an interface. */
const DEVICE = /^\d+-\d+(?:\.\d+)*$/;
const HUB_CLASS = '09';

const folderOf = ({ sys }: SysfsRoots): string => join(sys, 'bus/usb/devices');

/** What is plugged in, by socket and device number: cheap enough for every second. Undefined without a USB tree. */
export async function usbSockets(roots: SysfsRoots): Promise<ReadonlyMap<string, number> | undefined> {
  const names = await namesIn(folderOf(roots));
  if (names === undefined) return undefined;
  const sockets = names.filter((name) => DEVICE.test(name)).slice(0, USB_DEVICES_MAX);
  const found = await Promise.all(
    sockets.map(
      async (socket) => [socket, await attribute(join(folderOf(roots), socket), 'devnum')] as const,
    ),
  );
  return new Map(
    found.flatMap(([socket, number]) => (number === undefined ? [] : [[socket, Number(number)] as const])),
  );
}

/** Undefined where it has gone, or is a hub. */
export async function readUsbDevice(roots: SysfsRoots, socket: string): Promise<UsbDevice | undefined> {
  const folder = join(folderOf(roots), socket);
  const read = (name: string): Promise<string | undefined> => attribute(folder, name);
  const [vendorId, productId, deviceNumber, deviceClass] = await Promise.all(
    ['idVendor', 'idProduct', 'devnum', 'bDeviceClass'].map(read),
  );
  if (vendorId === undefined || productId === undefined || deviceNumber === undefined) return undefined;
  if (deviceClass === HUB_CLASS) return undefined;
  const [manufacturer, product, serial, speed] = await Promise.all(
    ['manufacturer', 'product', 'serial', 'speed'].map(read),
  );
  const interfaces = await readInterfaces(roots, socket);
  return {
    vendorId,
    productId,
    socket,
    deviceNumber: Number(deviceNumber),
    manufacturer,
    product,
    serial,
    // 00: "see the interfaces" [USB 2.0, 9.6.1].
    classes: unique([deviceClass ?? '00', ...interfaces.classes].filter((code) => code !== '00')),
    speedMbps: speed === undefined ? undefined : Number(speed),
    drivers: interfaces.drivers,
    serialPorts: interfaces.serialPorts,
  };
}

interface InterfaceFacts {
  readonly classes: readonly string[];
  readonly drivers: readonly string[];
  readonly serialPorts: readonly string[];
}

async function readInterfaces(roots: SysfsRoots, socket: string): Promise<InterfaceFacts> {
  const names = (await namesIn(folderOf(roots))) ?? [];
  const folders = names
    .filter((name) => name.startsWith(`${socket}:`))
    .slice(0, USB_INTERFACES_MAX)
    .map((name) => join(folderOf(roots), name));
  const classes = await Promise.all(folders.map((folder) => attribute(folder, 'bInterfaceClass')));
  const drivers = await Promise.all(folders.map((folder) => linkName(join(folder, 'driver'))));
  const terminals = (await Promise.all(folders.map(terminalsOf))).flat();
  const lasting = terminals.length === 0 ? new Map<string, string>() : await lastingNames(roots);
  return {
    classes: classes.filter((code) => code !== undefined),
    drivers: unique(drivers.filter((name) => name !== undefined)),
    serialPorts: terminals.map((name) => lasting.get(name) ?? join(roots.dev, name)),
  };
}

/** CDC ACM: `tty/ttyACM0`; serial chips: `ttyUSB0/tty/ttyUSB0`. */
async function terminalsOf(folder: string): Promise<readonly string[]> {
  const direct = await namesIn(join(folder, 'tty'));
  if (direct !== undefined) return direct;
  return ((await namesIn(folder)) ?? []).filter((name) => /^tty\w+$/.test(name));
}

/** `/dev/ttyUSB0` is whoever came first; `/dev/serial/by-id/…`, made by udev, is always the same. */
async function lastingNames({ dev }: SysfsRoots): Promise<ReadonlyMap<string, string>> {
  const folder = join(dev, 'serial/by-id');
  const links = await Promise.all(
    ((await namesIn(folder)) ?? []).map(async (name) => {
      const path = join(folder, name);
      const target = await linkName(path);
      return target === undefined ? undefined : ([target, path] as const);
    }),
  );
  return new Map(links.filter((link) => link !== undefined));
}

/** Entry by entry and not at once: a folder has no bound of its own. */
async function namesIn(folder: string): Promise<readonly string[] | undefined> {
  const names: string[] = [];
  try {
    for await (const { name } of await opendir(folder)) {
      names.push(name);
      if (names.length === SYSFS_ENTRIES_MAX) break;
    }
    return names.toSorted();
  } catch {
    return undefined;
  }
}

async function attribute(folder: string, name: string): Promise<string | undefined> {
  try {
    const text = await readFile(join(folder, name), 'utf8');
    return text.slice(0, SYSFS_ATTRIBUTE_MAX_CHARS).trim() || undefined;
  } catch {
    return undefined;
  }
}

async function linkName(path: string): Promise<string | undefined> {
  try {
    return basename(resolve(path, await readlink(path)));
  } catch {
    return undefined;
  }
}

const unique = (items: readonly string[]): readonly string[] => [...new Set(items)];
