/** The form of topic names and filters. */
import { TOPIC_MAX_BYTES, TOPIC_MAX_LEVELS } from '../../../base/limits.ts';

/** Not empty [MQTT-4.7.3-1], no wildcard [MQTT-3.3.2-2]; U+0000 and bad UTF-8 are refused where text is read. */
export function isTopic(topic: string): boolean {
  if (topic === '' || topic.includes('#') || topic.includes('+')) return false;
  return fits(topic, topic.split('/').length);
}

/** `#` alone in the last level [MQTT-4.7.1-2], `+` alone in its level [MQTT-4.7.1-3], not empty [MQTT-4.7.3-1]. */
export function isFilter(filter: string): boolean {
  const levels = filter.split('/');
  if (filter === '' || !fits(filter, levels.length)) return false;
  return levels.every((level, i) => {
    if (level.includes('#')) return level === '#' && i === levels.length - 1;
    return !level.includes('+') || level === '+';
  });
}

const fits = (text: string, levels: number): boolean =>
  levels <= TOPIC_MAX_LEVELS && Buffer.byteLength(text) <= TOPIC_MAX_BYTES;
