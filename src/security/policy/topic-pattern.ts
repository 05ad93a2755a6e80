const DOLLAR = 36;
const SLASH = 47;

/**
 * One topic filter, compiled: the part before the first wildcard is compared as one string, the rest level by level,
 * without cutting the topic into pieces. `from` is where a pattern that is relative to a tree begins in the topic.
 */
export class TopicPattern {
  readonly #levels: readonly string[];
  /** The literal levels in front, joined. */
  readonly #head: string;
  /** Most patterns that do not match differ here already, and this costs no call. NaN: no literal in front. */
  readonly #first: number;
  /** From the first wildcard on. */
  readonly #rest: readonly string[];

  constructor(filter: string) {
    this.#levels = filter.split('/');
    const wild = this.#levels.findIndex((level) => level === '+' || level === '#');
    const literal = wild < 0 ? this.#levels.length : wild;
    this.#head = this.#levels.slice(0, literal).join('/');
    this.#first = this.#head.charCodeAt(0);
    this.#rest = this.#levels.slice(literal);
  }

  matches(topic: string, from = 0): boolean {
    if (topic.charCodeAt(from) !== this.#first && this.#head !== '') return false;
    if (!topic.startsWith(this.#head, from)) return false;
    const literalEnd = from + this.#head.length;
    if (this.#rest.length === 0) return topic.length === literalEnd;
    if (this.#rest.length === this.#levels.length) {
      // A leading wildcard does not match topics that start with `$` [MQTT-4.7.2-1].
      return (from > 0 || topic.charCodeAt(0) !== DOLLAR) && this.#walk(topic, from);
    }
    // `a/#` includes its parent `a` [MQTT-4.7.1-2].
    if (topic.length === literalEnd) return this.#rest[0] === '#';
    return topic.charCodeAt(literalEnd) === SLASH && this.#walk(topic, literalEnd + 1);
  }

  /** Does it match every topic that this filter can match? */
  covers(filter: string): boolean {
    const asked = filter.split('/');
    const root = this.#levels[0];
    if ((root === '#' || root === '+') && filter.startsWith('$')) return false;
    for (let i = 0; ; i += 1) {
      const allowed = this.#levels[i];
      const wanted = asked[i];
      if (allowed === '#') return true;
      if (allowed === undefined || wanted === undefined) return allowed === wanted;
      if (wanted === '#') return false;
      if (allowed !== '+' && allowed !== wanted) return false;
    }
  }

  /** The topic from `at` on against the rest of the pattern; one past the end of the topic = no level left. */
  #walk(topic: string, at: number): boolean {
    let start = at;
    for (const level of this.#rest) {
      if (level === '#') return true;
      if (start > topic.length) return false;
      const slash = topic.indexOf('/', start);
      const end = slash < 0 ? topic.length : slash;
      if (level !== '+' && !(end - start === level.length && topic.startsWith(level, start))) return false;
      start = end + 1;
    }
    return start > topic.length;
  }
}
