/** What was done to a device, by whom and when. */
export const DEVICE_CHANGES = ['added', 'changed', 'removed'] as const;
type DeviceChangeKind = (typeof DEVICE_CHANGES)[number];

export interface DeviceChange {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** `user:NAME`, or the id of the gateway that brought a child. */
  readonly by: string;
  readonly kind: DeviceChangeKind;
  /** The version of the device that it made, or that was removed. */
  readonly version: number;
  /**
   * What differs, by field; of attributes by `attributes.{name}`. A value that is long is told as text that is cut; an
   * absent one is absent.
   */
  readonly changes: Readonly<Record<string, { readonly from?: unknown; readonly to?: unknown }>>;
}
