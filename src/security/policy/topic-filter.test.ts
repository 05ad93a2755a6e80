import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covers, isTopicFilter, isTopicName, withoutShare } from './topic-filter.ts';

/** The oracle: MQTT matching by regular expression, written from the text of section 4.7 and from nothing here. */
function matcher(filter: string): (topic: string) => boolean {
  const escape = (level: string): string => level.replaceAll(/[.*?^${}()|[\]\\]/g, String.raw`\$&`);
  const body = filter
    .split('/')
    .map((level) => (level === '+' ? '[^/]*' : escape(level)))
    .join('/')
    .replace(/\/#$/, '(/.*)?')
    .replace(/^#$/, '.*');
  const expression = new RegExp(`^${body}$`, 's');
  return (topic) => !(topic.startsWith('$') && /^[+#]/.test(filter)) && expression.test(topic);
}

/** All topics of up to four levels over an alphabet with one word ("z") that no filter knows. */
const WORDS = ['a', 'b', '', '$s', 'z'];
function* grow(depth: number): Iterable<string> {
  for (const word of WORDS) {
    yield word;
    if (depth > 1) for (const rest of grow(depth - 1)) yield `${word}/${rest}`;
  }
}
const TOPICS: readonly string[] = [...grow(4)].filter((topic) => topic !== '');

const filters = fc
  .tuple(fc.array(fc.constantFrom('a', 'b', '', '$s', '+'), { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([levels, open]) => [...levels, ...(open ? ['#'] : [])].join('/'))
  .filter((filter) => filter !== '');
const anyFilter = fc.oneof(filters, fc.constant('#'));

describe('containment of topic filters', () => {
  it('agrees with matching every topic one by one', () => {
    let contained = 0;
    fc.assert(
      fc.property(anyFilter, anyFilter, (outer, inner) => {
        // "+/#" says the same as "#" (a parent is part of "#"); taking it for less is the safe side.
        fc.pre(outer !== '+/#');
        const inOuter = matcher(outer);
        const inInner = matcher(inner);
        const expected = TOPICS.every((topic) => !inInner(topic) || inOuter(topic));
        if (expected) contained += 1;
        expect(covers(outer.split('/'), inner.split('/'))).toBe(expected);
      }),
      { numRuns: 3_000, seed: 7 },
    );
    expect(contained).toBeGreaterThan(100);
  });

  it('is matching when asked about a topic', () => {
    fc.assert(
      fc.property(anyFilter, fc.constantFrom(...TOPICS), (filter, topic) => {
        expect(covers(filter.split('/'), topic.split('/'))).toBe(matcher(filter)(topic));
      }),
      { numRuns: 3_000, seed: 11 },
    );
  });
});

describe('the form of topics and filters', () => {
  it.each(['a', 'a/b', '/', 'a//b', '+', '#', 'a/+/b', 'a/#', '+/+/#', '$SYS/#'])(
    'takes the filter %j',
    (filter) => {
      expect(isTopicFilter(filter)).toBe(true);
    },
  );

  it.each([
    '',
    'a#',
    'a/#/b',
    '#/a',
    'a+',
    'a/b+/c',
    '++',
    'a\0',
    'x'.repeat(2_000),
    Array(40).fill('a').join('/'),
  ])('refuses the filter %j', (filter) => {
    expect(isTopicFilter(filter)).toBe(false);
  });

  it.each(['', 'a/+', '#', 'a#b', 'a\0b', 'x'.repeat(2_000)])('refuses the topic %j', (topic) => {
    expect(isTopicName(topic)).toBe(false);
  });

  it('looks at the filter inside a shared subscription', () => {
    expect(withoutShare('$share/group/a/#')).toBe('a/#');
    expect(withoutShare('$share/group')).toBeUndefined();
    expect(withoutShare('$share//a')).toBeUndefined();
    expect(withoutShare('$share/g+/a')).toBeUndefined();
    expect(withoutShare('a/b')).toBe('a/b');
  });
});
