/**
 * What free text of users may contain. Control characters break terminals and logs, bidirectional marks make one
 * name look like another, lone surrogates cannot be stored as UTF-8. Everything else is somebody's language.
 */
const HOSTILE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF]/u;

export const isPlainText = (text: string): boolean => !HOSTILE.test(text);

const HOSTILE_ALL = new RegExp(HOSTILE, 'gu');

/** Text of strangers made plain: what is hostile in it becomes blanks, blanks become one, the rest is cut. */
export const plainText = (text: string, maxChars: number): string =>
  text
    .slice(0, maxChars * 4)
    .replaceAll(HOSTILE_ALL, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
    .slice(0, maxChars)
    .replace(/[\uD800-\uDBFF]$/, '')
    .trimEnd();

/** Keys that mean something to JavaScript objects. */
export const isReservedKey = (key: string): boolean =>
  key === '__proto__' || key === 'constructor' || key === 'prototype';

/** Untrusted text, short and harmless, for an error message. */
export const quoted = (text: string): string =>
  JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
