import { TOPIC_MAX_BYTES, TOPIC_MAX_LEVELS } from '../../base/limits.ts';

/** A topic one may publish to: no wildcard, no NUL, not empty [MQTT-3.3.2-2, MQTT-4.7.3-1, MQTT-4.7.3-2]. */
export function isTopicName(topic: string): boolean {
  return topic.length > 0 && topic.length <= TOPIC_MAX_BYTES && !/[+#\0]/.test(topic);
}

/** `#` only as the last level, wildcards only as a whole level [MQTT-4.7.1-1, MQTT-4.7.1-2]. */
export function isTopicFilter(filter: string): boolean {
  if (filter.length === 0 || filter.length > TOPIC_MAX_BYTES || filter.includes('\0')) return false;
  const levels = filter.split('/');
  if (levels.length > TOPIC_MAX_LEVELS) return false;
  return levels.every((level, index) => {
    if (level === '#') return index === levels.length - 1;
    return level === '+' || !/[+#]/.test(level);
  });
}

/** `filter` without the `$share/{group}/` of a shared subscription [MQTT-4.8.2]; undefined when malformed. */
export function withoutShare(filter: string): string | undefined {
  if (!filter.startsWith('$share/')) return filter;
  const end = filter.indexOf('/', '$share/'.length);
  const group = end < 0 ? '' : filter.slice('$share/'.length, end);
  return group === '' || /[+#]/.test(group) ? undefined : filter.slice(end + 1);
}

/**
 * Does `outer` match every topic that `inner` can match? `inner` may be a topic, which makes this matching.
 * A leading wildcard does not match topics that start with `$` [MQTT-4.7.2-1].
 */
export function covers(outer: readonly string[], inner: readonly string[]): boolean {
  const root = outer[0];
  if ((root === '#' || root === '+') && inner[0]?.startsWith('$') === true) return false;
  for (let i = 0; ; i += 1) {
    const allowed = outer[i];
    const asked = inner[i];
    // `a/#` includes its parent `a` [MQTT-4.7.1-2].
    if (allowed === '#') return true;
    if (allowed === undefined || asked === undefined) return allowed === asked;
    if (asked === '#') return false;
    if (allowed !== '+' && allowed !== asked) return false;
  }
}
