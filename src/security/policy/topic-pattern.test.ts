import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TopicPattern } from './topic-pattern.ts';

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
        expect(new TopicPattern(outer).covers(inner)).toBe(expected);
      }),
      { numRuns: 3_000, seed: 7 },
    );
    expect(contained).toBeGreaterThan(100);
  });

  it('is matching when asked about a topic, and so is the compiled match', () => {
    let matched = 0;
    fc.assert(
      fc.property(anyFilter, fc.constantFrom(...TOPICS), (filter, topic) => {
        const pattern = new TopicPattern(filter);
        const expected = matcher(filter)(topic);
        if (expected) matched += 1;
        expect(pattern.matches(topic)).toBe(expected);
        expect(pattern.covers(topic)).toBe(expected);
      }),
      { numRuns: 3_000, seed: 11 },
    );
    expect(matched).toBeGreaterThan(100);
  });

  it('matches a pattern that is relative to a tree at the end of that tree, where `$` is a letter like others', () => {
    for (const tree of ['v1/A/', '$x/']) {
      fc.assert(
        fc.property(anyFilter, fc.constantFrom(...TOPICS), (filter, topic) => {
          // With the tree written out, the wildcard does not lead any more.
          const expected = matcher(tree + filter)(tree + topic);
          expect(new TopicPattern(filter).matches(tree + topic, tree.length)).toBe(expected);
        }),
        { numRuns: 1_000, seed: 13 },
      );
    }
  });
});
