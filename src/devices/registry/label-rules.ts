import { err, ok, type Result } from '../../base/result.ts';
import { isPlainText, isReservedKey, quoted } from './text-rules.ts';

/** Labels and identifiers of devices: how they are written down so that equal ones are found equal. */

export type Identifiers = Readonly<Record<string, string>>;

const TAG = /^[\p{L}\p{N}][\p{L}\p{N}._:/=-]*$/u;
const SCHEME = /^[a-z][a-z0-9_-]{0,31}$/;

/** In order, each once; undefined for none: most devices have no list of their own. */
export function labelList(labels: readonly string[] | undefined): readonly string[] | undefined {
  if (labels === undefined || labels.length === 0) return undefined;
  return [...new Set(labels)].toSorted((a, b) => (a < b ? -1 : 1));
}

/** Why these cannot be tags, in one line. */
export function tagsFault(tags: readonly string[]): string | undefined {
  const wrong = tags.find((tag) => !TAG.test(tag));
  return wrong === undefined
    ? undefined
    : `tags: ${quoted(wrong)} has other than letters, digits, . _ : / = -`;
}

/** As they are compared: addresses in lower case with colons, UUIDs in lower case. Fails with one line. */
export function readIdentifiers(given: Identifiers | undefined): Result<Identifiers | undefined, string> {
  const entries: (readonly [string, string])[] = [];
  for (const [scheme, text] of Object.entries(given ?? {})) {
    if (!SCHEME.test(scheme) || isReservedKey(scheme))
      return err(`identifiers: ${quoted(scheme)} is no scheme: lower-case letters, digits, _ -`);
    const value = normal(scheme, text.trim());
    if (value === undefined || value === '' || !isPlainText(value))
      return err(`identifiers: ${quoted(text)} is no ${scheme}`);
    entries.push([scheme, value]);
  }
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return ok(entries.length === 0 ? undefined : Object.fromEntries(entries));
}

/** Undefined: it is not what the scheme says. */
function normal(scheme: string, text: string): string | undefined {
  if (scheme === 'uuid') return text.toLowerCase();
  if (scheme !== 'mac') return text;
  const digits = text.replaceAll(/[:. -]/g, '').toLowerCase();
  // EUI-48 and EUI-64.
  if (!/^(?:[0-9a-f]{12}|[0-9a-f]{16})$/.test(digits)) return undefined;
  return digits.match(/../g)?.join(':');
}
