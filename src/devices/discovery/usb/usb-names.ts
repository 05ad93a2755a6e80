/**
 * Names of USB vendors and of well-known products. The list is shipped (usb-names.json, made by
 * scripts/device-names.ts from usb.ids, BSD-3-Clause) and read when a scanner starts, not before.
 */
export interface UsbNames {
  vendorName(vendorId: string): string | undefined;
  productName(vendorId: string, productId: string): string | undefined;
}

export async function loadUsbNames(): Promise<UsbNames> {
  const { default: list } = await import('./usb-names.json', { with: { type: 'json' } });
  const vendors = new Map(Object.entries(list.vendors));
  const products = new Map(Object.entries(list.products));
  return {
    vendorName: (vendorId) => vendors.get(vendorId),
    productName: (vendorId, productId) => products.get(`${vendorId}:${productId}`),
  };
}
