/** Our own bug, never the user's: the supervisor acts on it, nobody catches it to go on. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Asserts what the code believes; stays on in production. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(`BUG: ${message}`);
}
