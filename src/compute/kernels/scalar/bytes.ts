/** Bytes, one at a time: the reference transform. */

/** Adds 1 to each byte, wrapping. `source` may be `target`. */
export function addOne(target: Uint8Array, source: Uint8Array): void {
  const { length } = source;
  for (let at = 0; at < length; at += 1) target[at] = (source[at] ?? 0) + 1;
}
