import { describe, expect, it } from 'vitest';
import { isTopicFilter, isTopicName, withoutShare } from './topic-filter.ts';

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
