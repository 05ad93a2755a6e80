/**
 * Reports what is plugged into USB: at once where the system tells of it, else within a tick. Opens no device. Where the
 * kernel shows no tree of them (other systems than Linux) it asks a library.
 */
import type { Clock } from '../../../base/clock.ts';
import { USB_PACE_MS, USB_REPEAT_MS, USB_SETTLE_MS } from '../../../base/limits.ts';
import type { ScannerCondition } from '../../../model/discovery.ts';
import { RUNNING, type Scanner, type SightingSink, unavailable } from '../scanner.ts';
import { type HotPlug, systemHotPlug } from './hot-plug.ts';
import { sightingOf } from './sighting-of.ts';
import { readUsbDevice, SYSTEM_ROOTS, type SysfsRoots, usbSockets } from './sysfs.ts';
import type { UsbDevice } from './usb-device.ts';
import { listWithLibrary } from './usb-library.ts';
import { loadUsbNames, type UsbNames } from './usb-names.ts';

export interface UsbScannerOptions {
  readonly clock: Clock;
  /** Default: this machine's. */
  readonly roots?: SysfsRoots | undefined;
  readonly hotPlug?: HotPlug | undefined;
  /** Where there is no tree of the kernel; default: a library, on other systems than Linux. */
  readonly list?: (() => Promise<readonly UsbDevice[] | undefined>) | undefined;
}

/** One plugging in. Times are monotonic, ms. */
interface Plugged {
  readonly deviceNumber: number;
  readonly since: number;
  reportedAt: number;
  /** As it was reported: more becomes known while drivers settle. */
  facts: string;
}

const NO_USB = unavailable('no USB on this machine');

export class UsbScanner implements Scanner {
  readonly name = 'usb';
  readonly paceMs = USB_PACE_MS;
  readonly #clock: Clock;
  readonly #roots: SysfsRoots;
  readonly #hotPlug: HotPlug;
  readonly #list: () => Promise<readonly UsbDevice[] | undefined>;
  /** By socket. */
  readonly #plugged = new Map<string, Plugged>();
  #names: UsbNames | undefined;
  #sink: SightingSink | undefined;
  #watch: AsyncDisposable | undefined;
  /** Looks run one after the other. */
  #looking: Promise<ScannerCondition> = Promise.resolve(NO_USB);

  constructor(options: UsbScannerOptions) {
    this.#clock = options.clock;
    this.#roots = options.roots ?? SYSTEM_ROOTS;
    this.#hotPlug = options.hotPlug ?? systemHotPlug;
    this.#list = options.list ?? (process.platform === 'linux' ? async () => undefined : listWithLibrary);
  }

  async start(sink: SightingSink): Promise<ScannerCondition> {
    this.#names ??= await loadUsbNames();
    this.#sink = sink;
    const condition = await this.scan();
    if (condition.state !== 'running' || this.#sink === undefined) return condition;
    const watch = await this.#hotPlug(() => {
      // What is wrong the next look says, too, to whoever waits for it.
      this.scan().catch(() => undefined);
    });
    // Stopped meanwhile: whoever comes last cleans up.
    if (this.#sink === undefined) await watch?.[Symbol.asyncDispose]();
    else this.#watch = watch;
    return condition;
  }

  scan(): Promise<ScannerCondition> {
    const look = (): Promise<ScannerCondition> => this.#look();
    this.#looking = this.#looking.then(look, look);
    return this.#looking;
  }

  async stop(): Promise<void> {
    this.#sink = undefined;
    const watch = this.#watch;
    this.#watch = undefined;
    await watch?.[Symbol.asyncDispose]();
    await this.#looking.catch(() => undefined);
    this.#plugged.clear();
  }

  async #look(): Promise<ScannerCondition> {
    if (this.#sink === undefined) return { state: 'stopped' };
    const sockets = await usbSockets(this.#roots);
    if (sockets === undefined) return this.#lookElsewhere();
    this.#forget(sockets);
    for (const [socket, deviceNumber] of sockets) {
      if (!this.#isDue(socket, deviceNumber)) continue;
      const device = await readUsbDevice(this.#roots, socket);
      this.#report(socket, deviceNumber, device);
    }
    return RUNNING;
  }

  async #lookElsewhere(): Promise<ScannerCondition> {
    const devices = await this.#list();
    if (devices === undefined) return NO_USB;
    this.#forget(new Map(devices.map(({ socket, deviceNumber }) => [socket, deviceNumber])));
    for (const device of devices)
      if (this.#isDue(device.socket, device.deviceNumber))
        this.#report(device.socket, device.deviceNumber, device);
    return RUNNING;
  }

  #forget(there: ReadonlyMap<string, number>): void {
    for (const socket of this.#plugged.keys()) if (!there.has(socket)) this.#plugged.delete(socket);
  }

  /** New, not settled yet, or not reported for long. */
  #isDue(socket: string, deviceNumber: number): boolean {
    const known = this.#plugged.get(socket);
    if (known?.deviceNumber !== deviceNumber) return true;
    const now = this.#clock.monotonic();
    return now - known.since < USB_SETTLE_MS || now - known.reportedAt >= USB_REPEAT_MS;
  }

  /** `device` is undefined for hubs, and for what went while it was read. */
  #report(socket: string, deviceNumber: number, device: UsbDevice | undefined): void {
    const now = this.#clock.monotonic();
    const before = this.#plugged.get(socket);
    const known =
      before?.deviceNumber === deviceNumber
        ? before
        : { deviceNumber, since: now, reportedAt: Number.NEGATIVE_INFINITY, facts: '' };
    this.#plugged.set(socket, known);
    const facts = JSON.stringify(device ?? null);
    if (facts === known.facts && now - known.reportedAt < USB_REPEAT_MS) return;
    known.facts = facts;
    known.reportedAt = now;
    if (device !== undefined && this.#names !== undefined)
      this.#sink?.(sightingOf(device, this.#names, this.#clock.now()));
  }
}
