import { TOPIC_MAX_LEVELS } from '../../base/limits.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type Device, DeviceInput, DevicePatch } from '../../model/device.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import { type DeviceId, parseDeviceId } from '../../model/ids.ts';
import { presetTopics } from '../../model/preset-topics.ts';
import { TOPIC_ROOT } from '../../model/topics.ts';
import { attributesFault } from './attribute-rules.ts';
import { readIdentifiers, tagsFault } from './label-rules.ts';
import { schemaFault } from './schema-check.ts';
import { isPlainText, quoted } from './text-rules.ts';

/** The id of a new device, once everything that needs no registry to judge has been judged. */
export async function checkDeviceInput(input: DeviceInput): Promise<Result<DeviceId, SensoriumError>> {
  if (typeof input?.id === 'string') {
    const id = parseDeviceId(input.id);
    if (!id.ok) return id;
  }
  const fault = (await schemaFault(DeviceInput, input)) ?? fieldsFault(input);
  if (fault !== undefined) return err(problem('request.invalid', fault));
  return parseDeviceId(input.id);
}

export async function checkDevicePatch(patch: DevicePatch): Promise<Result<void, SensoriumError>> {
  const fault = (await schemaFault(DevicePatch, patch)) ?? fieldsFault(patch);
  return fault === undefined ? ok(undefined) : err(problem('request.invalid', fault));
}

/**
 * A preset's topics may not reach into another tree: a device with the id or base "v1" and preset Shelly would
 * own "v1/events/#", the topics of the device "events".
 */
export function presetFault(device: Pick<Device, 'id' | 'preset' | 'topicBase'>): string | undefined {
  const { publish, subscribe } = presetTopics(device);
  for (const filter of [...publish, ...subscribe]) {
    const root = filter.split('/', 1)[0] ?? '';
    if (root === TOPIC_ROOT || root === '' || root === '+' || root === '#' || root.startsWith('$')) {
      return `topic base ${quoted(device.topicBase ?? device.id)} would own ${quoted(filter)}`;
    }
  }
  return undefined;
}

function fieldsFault({
  name,
  topicBase,
  attributes,
  tags = [],
  identifiers,
}: DeviceInput | DevicePatch): string | undefined {
  if (name !== undefined && !isPlainText(name)) {
    return 'name: control characters and direction marks are not allowed';
  }
  if (topicBase !== undefined && topicBase !== '' && !isTopicBase(topicBase)) {
    return `topicBase: ${quoted(topicBase)} is not a topic prefix (no + # $, no empty level)`;
  }
  const read = readIdentifiers(identifiers);
  if (!read.ok) return read.error;
  return tagsFault(tags) ?? (attributes === undefined ? undefined : attributesFault(attributes));
}

function isTopicBase(base: string): boolean {
  if (/[+#$]/.test(base) || !isPlainText(base)) return false;
  const levels = base.split('/');
  return levels.length < TOPIC_MAX_LEVELS && levels.every((level) => level !== '');
}
