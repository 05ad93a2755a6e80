/**
 * Numbers that come as text: CSV cells, plain payloads. Decimal notation only: "0x1f" is an address, "1_000" a
 * name, and an empty text is no zero.
 */
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Undefined = the text is no number. */
export function numberOf(text: string): number | undefined {
  return NUMBER.test(text) ? Number(text) : undefined;
}
