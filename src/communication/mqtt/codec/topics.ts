/** The form of topic names and filters [4.7], and which of them are within our limits. */
import { TOPIC_MAX_BYTES, TOPIC_MAX_LEVELS } from '../../../base/limits.ts';

/** A filter that several sessions of one group share [4.8.2]. */
export interface Share {
  readonly group: string;
  readonly filter: string;
}

const SHARE = '$share/';

/** Not empty [MQTT-4.7.3-1], no wildcard [MQTT-3.3.2-2]; U+0000 and bad UTF-8 are refused where text is read. */
export const isTopicName = (topic: string): boolean =>
  topic !== '' && !topic.includes('#') && !topic.includes('+');

/** `#` alone in the last level [MQTT-4.7.1-1], `+` alone in its level [MQTT-4.7.1-2], not empty [MQTT-4.7.3-1]. */
export function isFilter(filter: string): boolean {
  if (filter === '') return false;
  if (!filter.includes('#') && !filter.includes('+')) return true;
  const levels = filter.split('/');
  return levels.every((level, i) => {
    if (level.includes('#')) return level === '#' && i === levels.length - 1;
    return !level.includes('+') || level === '+';
  });
}

export const isShared = (filter: string): boolean => filter.startsWith(SHARE);

/**
 * The parts of `$share/{group}/{filter}`: a group of at least one character [MQTT-4.8.2-1] without `/`, `+` or `#`,
 * then `/` and a filter [MQTT-4.8.2-2]. Undefined where it is not that.
 */
export function shareOf(text: string): Share | undefined {
  const groupEnd = text.indexOf('/', SHARE.length);
  if (!isShared(text) || groupEnd === -1) return undefined;
  const group = text.slice(SHARE.length, groupEnd);
  const filter = text.slice(groupEnd + 1);
  return isTopicName(group) && isFilter(filter) ? { group, filter } : undefined;
}

/** A name or filter that we take. */
export function fitsLimits(text: string): boolean {
  let levels = 1;
  for (let at = text.indexOf('/'); at !== -1; at = text.indexOf('/', at + 1)) levels += 1;
  return levels <= TOPIC_MAX_LEVELS && Buffer.byteLength(text) <= TOPIC_MAX_BYTES;
}

/** Does the filter match the topic [4.7]? For the few that need it: messages are routed by the tree. */
export function matches(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const levels = topic.split('/');
  if (topic.startsWith('$') && (wanted[0] === '+' || wanted[0] === '#')) return false;
  for (const [i, level] of wanted.entries()) {
    if (level === '#') return true;
    if (i >= levels.length || (level !== '+' && level !== levels[i])) return false;
  }
  return wanted.length === levels.length;
}
