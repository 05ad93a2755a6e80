/** A plugged-in USB device as any source gives it. */

export interface UsbDevice {
  /** Lower case, 4 hexadecimal digits. */
  readonly vendorId: string;
  readonly productId: string;
  /** Bus and ports on the way to it: `1-1.4`. Stays with the socket, not with the device. */
  readonly socket: string;
  /** Given anew at each plugging in; with `socket` it tells one plugging from the next. */
  readonly deviceNumber: number;
  /** As the device says; any text. */
  readonly manufacturer?: string | undefined;
  readonly product?: string | undefined;
  readonly serial?: string | undefined;
  /** bDeviceClass and those of its interfaces; 2 hexadecimal digits each. */
  readonly classes: readonly string[];
  /** Mbit/s. */
  readonly speedMbps?: number | undefined;
  /** Kernel drivers of its interfaces. */
  readonly drivers: readonly string[];
  /** `/dev/ttyUSB0`, or the name that stays (`/dev/serial/by-id/…`) where there is one. */
  readonly serialPorts: readonly string[];
}
