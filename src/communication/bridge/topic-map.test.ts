import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { naivelyMatches } from '../mqtt/test-support.ts';
import type { BridgeTopic } from './bridge-settings.ts';
import { TopicMap } from './topic-map.ts';

const row = (
  direction: BridgeTopic['direction'],
  filter: string,
  more: Partial<BridgeTopic> = {},
): BridgeTopic => ({
  direction,
  filter,
  localPrefix: '',
  remotePrefix: '',
  qos: 1,
  ...more,
});

describe('the topics of a bridge', () => {
  it('get the prefix of the side they go to in the place of that where they come from', () => {
    const topics = [row('both', 'a/#', { localPrefix: 'here/', remotePrefix: 'there/' })];
    const out = new TopicMap(topics, 'out');
    const back = new TopicMap(topics, 'in');
    expect([...out.filters.keys()]).toEqual(['here/a/#']);
    expect([...back.filters.keys()]).toEqual(['there/a/#']);
    expect(out.translate('here/a/b/c')).toBe('there/a/b/c');
    expect(back.translate('there/a')).toBe('here/a');
    expect(out.translate('there/a')).toBeUndefined();
    expect(out.translate('here/b')).toBeUndefined();
  });

  it('go by the first row that is meant for the direction', () => {
    const map = new TopicMap(
      [row('in', '#', { localPrefix: 'x/' }), row('out', '+/b', { remotePrefix: 'one/' }), row('out', 'a/b')],
      'out',
    );
    expect(map.translate('a/b')).toBe('one/a/b');
    expect(new TopicMap([row('in', '#')], 'out').filters.size).toBe(0);
  });

  it('are subscribed to once, at the highest QoS of the rows that say the same', () => {
    const rows = [row('out', 'a', { qos: 0 }), row('both', 'a'), row('out', 'a', { qos: 0 })];
    expect([...new TopicMap(rows, 'out').filters]).toEqual([['a', 1]]);
  });

  it('that begin with $ are not what a wildcard in front means', () => {
    expect(new TopicMap([row('out', '#')], 'out').translate('$SYS/x')).toBeUndefined();
  });

  it('match as section 4.7 says', () => {
    const level = fc.constantFrom('a', 'b', '', '$s');
    const filters = fc
      .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 3 }), fc.boolean())
      .map(([levels, open]) => [...levels, ...(open ? ['#'] : [])].join('/'));
    const topics = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
    fc.assert(
      fc.property(filters, topics, (filter, topic) => {
        fc.pre(filter !== '' && topic !== '');
        const isMeant = new TopicMap([row('out', filter)], 'out').translate(topic) !== undefined;
        expect(isMeant).toBe(naivelyMatches(filter, topic));
      }),
      { numRuns: 500 },
    );
  });
});
