/** Looking at values that come from outside: thrown things, parsed JSON. Guards instead of casts. */

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An object with these fields; their types are its sender's promise. */
export const hasFields = <T>(value: unknown, fields: readonly (keyof T & string)[]): value is T =>
  isRecord(value) && fields.every((field) => value[field] !== undefined);

/** The JSON value, or undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** ENOENT, ECONNREFUSED … of a failed system call. */
export const errnoOf = (cause: unknown): string | undefined =>
  isRecord(cause) && typeof cause['code'] === 'string' ? cause['code'] : undefined;

/** Connection errors of both address families come as one error with an empty message. */
export function messageOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.message || (errnoOf(cause) ?? cause.name);
}
