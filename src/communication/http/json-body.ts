import { JSON_DEPTH_MAX } from '../../base/limits.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Reads a JSON body. Bounded in depth; a `__proto__` key is refused, so that no copy of it can ever set one. */
export function parseJsonBody(body: Uint8Array): Result<unknown, SensoriumError> {
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    return err(problem('payload.not_utf8', 'The body is not UTF-8'));
  }
  if (text.trim() === '') return err(problem('payload.empty', 'The body is empty'));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return err(problem('payload.not_json', cause instanceof Error ? cause.message : 'not JSON', { cause }));
  }
  const fault = inspect(value, 0);
  return fault === undefined ? ok(value) : err(fault);
}

function inspect(value: unknown, depth: number): SensoriumError | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth >= JSON_DEPTH_MAX) {
    return problem('payload.too_deep', `The body is nested deeper than ${JSON_DEPTH_MAX} levels`);
  }
  if (Object.hasOwn(value, '__proto__'))
    return problem('request.invalid', '"__proto__" is not allowed as a key');
  for (const inner of Object.values(value)) {
    const fault = inspect(inner, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
