import { JSON_DEPTH_MAX } from '../../base/limits.ts';
import { problem, SensoriumError } from '../../model/errors.ts';
import { deeperThan, isJsonObject, parseJson } from '../payload/json.ts';
import { textOf } from '../payload/text.ts';
import { judgeMetricName } from './metric-name.ts';

/**
 * The payload of an attributes topic: one JSON object, names as for metrics. 'payload.empty', 'payload.not_utf8',
 * 'payload.not_json', 'payload.shape', 'payload.too_deep', 'reading.name', 'reading.reserved_name'.
 */
export function readAttributes(payload: Uint8Array): Readonly<Record<string, unknown>> | SensoriumError {
  if (payload.length === 0) return problem('payload.empty', 'the payload has no bytes');
  const text = textOf(payload);
  if (text === undefined) return problem('payload.not_utf8', 'the payload has bytes that are no UTF-8');
  const parsed = parseJson(text);
  if (parsed instanceof SensoriumError) return parsed;
  const { root } = parsed;
  if (!isJsonObject(root)) return problem('payload.shape', 'attributes are one JSON object');
  if (deeperThan(root, JSON_DEPTH_MAX)) {
    return problem('payload.too_deep', `nested more than ${JSON_DEPTH_MAX} levels`);
  }
  for (const name of Object.keys(root)) {
    const fault = judgeMetricName(name);
    if (fault !== undefined) return problem(fault, `attribute ${JSON.stringify(name.slice(0, 64))}`);
  }
  return root;
}
