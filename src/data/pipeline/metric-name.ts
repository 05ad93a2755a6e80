import { METRIC_NAME_MAX_CHARS } from '../../base/limits.ts';
import type { ErrorCode } from '../../model/errors.ts';

/** Letters of any script, digits, `_ - . : /` and spaces: what people write above a column. */
const METRIC_NAME = new RegExp(String.raw`^[\p{L}\p{M}\p{N}_\-.:/ ]{1,${METRIC_NAME_MAX_CHARS}}$`, 'u');

/** Names that mean something to JavaScript objects; whoever reads an answer must be safe from them. */
const RESERVED: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Why `name` cannot be a metric: 'reading.reserved_name', 'reading.name', or undefined when it can. */
export function judgeMetricName(name: string): ErrorCode | undefined {
  if (RESERVED.has(name)) return 'reading.reserved_name';
  return METRIC_NAME.test(name) ? undefined : 'reading.name';
}
