import { readFileSync } from 'node:fs';

/** Of this package, as its manifest says; it stands two folders up from here in `src/` and in what is built of it. */
export function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : '0';
  return String(version);
}
