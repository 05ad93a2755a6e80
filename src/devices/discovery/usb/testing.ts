/** A tree of /sys and /dev in a folder, with USB devices to plug in and pull out. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SysfsRoots } from './sysfs.ts';

export interface PlugOptions {
  readonly id: `${string}:${string}`;
  readonly number?: number;
  readonly manufacturer?: string;
  readonly product?: string;
  readonly serial?: string;
  readonly deviceClass?: string;
  readonly interfaceClass?: string;
  readonly driver?: string;
  /** `ttyACM0` lies in a folder `tty`, `ttyUSB0` does not. */
  readonly terminal?: string;
  readonly byId?: string;
}

export class UsbTree implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'usb-tree-'));
  readonly roots: SysfsRoots = { sys: join(this.root, 'sys'), dev: join(this.root, 'dev') };
  readonly #devices = join(this.roots.sys, 'bus/usb/devices');
  #next = 2;

  constructor() {
    mkdirSync(this.#devices, { recursive: true });
    mkdirSync(join(this.roots.dev, 'serial/by-id'), { recursive: true });
    this.plug('usb1', { id: '1d6b:0002', deviceClass: '09', product: 'EHCI Host Controller' });
  }

  plug(socket: string, options: PlugOptions): void {
    const [vendor = '', product = ''] = options.id.split(':');
    this.#attributes(socket, {
      idVendor: vendor,
      idProduct: product,
      devnum: String(options.number ?? this.#next),
      bDeviceClass: options.deviceClass ?? '00',
      speed: '12',
      manufacturer: options.manufacturer,
      product: options.product,
      serial: options.serial,
    });
    this.#next += 1;
    this.#attributes(`${socket}:1.0`, { bInterfaceClass: options.interfaceClass ?? 'ff' });
    if (options.driver !== undefined)
      symlinkSync(`../../drivers/${options.driver}`, join(this.#devices, `${socket}:1.0/driver`));
    if (options.terminal !== undefined) this.terminal(socket, options.terminal, options.byId);
  }

  /** The driver has made its serial port. */
  terminal(socket: string, name: string, byId?: string): void {
    const folder = name.startsWith('ttyACM') ? `tty/${name}` : `${name}/tty/${name}`;
    mkdirSync(join(this.#devices, `${socket}:1.0`, folder), { recursive: true });
    if (byId !== undefined) symlinkSync(`../../${name}`, join(this.roots.dev, 'serial/by-id', byId));
  }

  pull(socket: string): void {
    for (const name of [socket, `${socket}:1.0`])
      rmSync(join(this.#devices, name), { recursive: true, force: true });
  }

  write(socket: string, attribute: string, value: string): void {
    this.#attributes(socket, { [attribute]: value });
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }

  #attributes(name: string, attributes: Readonly<Record<string, string | undefined>>): void {
    mkdirSync(join(this.#devices, name), { recursive: true });
    for (const [key, value] of Object.entries(attributes))
      if (value !== undefined) writeFileSync(join(this.#devices, name, key), `${value}\n`);
  }
}
