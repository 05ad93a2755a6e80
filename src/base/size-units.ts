/** Units of amounts of bytes as people write them. */
export const SIZE_UNITS: Readonly<Record<string, number>> = {
  MB: 1_000_000,
  GB: 1_000_000_000,
  TB: 1_000_000_000_000,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
  TiB: 1_099_511_627_776,
};

/** "5GB", "512MiB" or a number of bytes; undefined where it is none of these, or not positive. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d{1,15})(MB|GB|TB|MiB|GiB|TiB)?$/.exec(text.trim());
  if (match?.[1] === undefined) return undefined;
  const bytes = Number(match[1]) * (SIZE_UNITS[match[2] ?? ''] ?? 1);
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}
