/** Advertisements for tests. */
import type { Advertisement, Decoded, Decoder } from './advertisement.ts';

export const bytes = (hexText: string): Uint8Array =>
  new Uint8Array(Buffer.from(hexText.replaceAll(' ', ''), 'hex'));

export const advertisement = (parts: Partial<Advertisement> = {}): Advertisement => ({
  address: 'a4:c1:38:01:02:03',
  addressType: 'public',
  manufacturerData: [],
  serviceData: [],
  serviceUuids: [],
  ...parts,
});

/** What the bytes say; fails the test where they are refused. */
export function understood(decoder: Decoder, hexText: string): Decoded {
  const result = decoder(bytes(hexText));
  if (result?.ok !== true) throw new Error(`not understood: ${result?.error.message ?? 'another format'}`);
  return result.value;
}

/** Metric → value; the unit is left out. */
export const values = ({ readings }: Decoded): Readonly<Record<string, unknown>> =>
  Object.fromEntries(readings.map(({ metric, value }) => [metric, value]));

export function refusal(decoder: Decoder, hexText: string): string | undefined {
  const result = decoder(bytes(hexText));
  return result?.ok === false ? result.error.message : undefined;
}
