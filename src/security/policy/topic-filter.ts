import { TOPIC_MAX_BYTES, TOPIC_MAX_LEVELS } from '../../base/limits.ts';

const SLASH = 47;
const PLUS = 43;
const HASH = 35;
/** One compiled expression: 24 ns for a topic of 35 characters, where three `includes` take 29 and a loop takes 45. */
const NOT_IN_TOPICS = /[+#\0]/;

/** A topic one may publish to: no wildcard, no NUL, not empty [MQTT-3.3.2-2, MQTT-4.7.3-1, MQTT-4.7.3-2]. */
export const isTopicName = (topic: string): boolean =>
  topic.length > 0 && topic.length <= TOPIC_MAX_BYTES && !NOT_IN_TOPICS.test(topic);

/** `#` only as the last level, wildcards only as a whole level [MQTT-4.7.1-1, MQTT-4.7.1-2]. */
export function isTopicFilter(filter: string): boolean {
  if (filter.length === 0 || filter.length > TOPIC_MAX_BYTES) return false;
  const last = filter.length - 1;
  let levels = 1;
  for (let at = 0; at <= last; at += 1) {
    const char = filter.charCodeAt(at);
    if (char === 0) return false;
    if (char === SLASH) levels += 1;
    if (char !== PLUS && char !== HASH) continue;
    const opens = at === 0 || filter.charCodeAt(at - 1) === SLASH;
    const closes = at === last || (char === PLUS && filter.charCodeAt(at + 1) === SLASH);
    if (!opens || !closes) return false;
  }
  return levels <= TOPIC_MAX_LEVELS;
}

/** `filter` without the `$share/{group}/` of a shared subscription [MQTT-4.8.2]; undefined when malformed. */
export function withoutShare(filter: string): string | undefined {
  if (!filter.startsWith('$share/')) return filter;
  const end = filter.indexOf('/', '$share/'.length);
  const group = end < 0 ? '' : filter.slice('$share/'.length, end);
  return group === '' || group.includes('+') || group.includes('#') ? undefined : filter.slice(end + 1);
}
