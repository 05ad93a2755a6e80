import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryStateStore } from '../../../test/support/memory-state.ts';
import { RetainedMessages } from './retained.ts';
import { naivelyMatches } from './test-support.ts';
import { TopicTree } from './topic-tree.ts';

const words = fc.constantFrom('a', 'b', '', '$s', 'sport');
const topics = fc
  .array(words, { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((topic) => topic !== '');
const filters = fc
  .tuple(fc.array(fc.oneof(words, fc.constant('+')), { maxLength: 4 }), fc.boolean())
  .map(([levels, isOpen]) => [...levels, ...(isOpen ? ['#'] : [])].join('/'))
  .filter((filter) => filter !== '');

/** The examples of section 4.7. */
const EXAMPLES: readonly [filter: string, topic: string, matches: boolean][] = [
  ['sport/tennis/player1/#', 'sport/tennis/player1', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/ranking', true],
  ['sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon', true],
  ['sport/#', 'sport', true],
  ['sport/#', 'sports', false],
  ['#', 'a', true],
  ['#', '/', true],
  ['sport/tennis/+', 'sport/tennis/player1', true],
  ['sport/tennis/+', 'sport/tennis/player1/ranking', false],
  ['sport/+', 'sport', false],
  ['sport/+', 'sport/', true],
  ['+/+', '/finance', true],
  ['/+', '/finance', true],
  ['+', '/finance', false],
  ['#', '$SYS/x', false],
  ['+/monitor/Clients', '$SYS/monitor/Clients', false],
  ['$SYS/#', '$SYS/x', true],
  ['$SYS/#', '$SYS', true],
  ['$SYS/monitor/+', '$SYS/monitor/Clients', true],
  ['a/+/b', 'a/$x/b', true],
  ['a/#', 'a/$x', true],
  ['ACCOUNTS', 'Accounts', false],
];

describe('topic matching', () => {
  it.each(EXAMPLES)('%s on %s: %s', (filter, topic, matches) => {
    expect(naivelyMatches(filter, topic)).toBe(matches);
    const tree = new TopicTree<string>();
    tree.add(filter, 'me', 0);
    expect(tree.match(topic)).toHaveLength(matches ? 1 : 0);
    const retained = new RetainedMessages(new MemoryStateStore());
    void retained.set(topic, Buffer.from('x'), 0);
    expect([...retained.matching(filter)]).toHaveLength(matches ? 1 : 0);
  });

  it('finds the subscribers that matching one by one finds, with their highest QoS, through additions and removals', () => {
    const change = fc.record({
      filter: filters,
      member: fc.constantFrom('x', 'y', 'z'),
      qos: fc.constantFrom(0 as const, 1 as const),
      isRemoval: fc.boolean(),
    });
    let found = 0;
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 12 }),
        fc.array(topics, { minLength: 3 }),
        (changes, asked) => {
          const tree = new TopicTree<string>();
          const model = new Map<string, { filter: string; member: string; qos: 0 | 1 }>();
          for (const { filter, member, qos, isRemoval } of changes) {
            if (isRemoval) tree.remove(filter, member);
            else tree.add(filter, member, qos);
            if (isRemoval) model.delete(`${filter} ${member}`);
            else model.set(`${filter} ${member}`, { filter, member, qos });
            for (const topic of asked) {
              const expected = new Map<string, number>();
              for (const row of model.values()) {
                if (!naivelyMatches(row.filter, topic)) continue;
                expected.set(row.member, Math.max(row.qos, expected.get(row.member) ?? 0));
              }
              const matches = tree.match(topic);
              found += matches.length;
              expect(new Map(matches.map((match) => [match.member, match.qos]))).toEqual(expected);
              expect(matches).toHaveLength(expected.size);
            }
          }
          expect(tree.size).toBe(model.size);
        },
      ),
      { seed: 5, numRuns: 300 },
    );
    expect(found).toBeGreaterThan(1_000);
  });

  it('finds the retained messages that matching one by one finds, through changes', () => {
    const change = fc.record({ topic: topics, payload: fc.constantFrom('', 'one', 'two') });
    let found = 0;
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 15 }),
        fc.array(filters, { minLength: 3 }),
        (changes, asked) => {
          const retained = new RetainedMessages(new MemoryStateStore());
          const model = new Map<string, string>();
          for (const { topic, payload } of changes) {
            void retained.set(topic, Buffer.from(payload), 1);
            if (payload === '') model.delete(topic);
            else model.set(topic, payload);
          }
          for (const filter of asked) {
            const expected = [...model].filter(([topic]) => naivelyMatches(filter, topic));
            const matching = [...retained.matching(filter)];
            found += matching.length;
            const text = matching.map(
              ({ topic, payload }) => [topic, Buffer.from(payload).toString()] as const,
            );
            expect(new Map(text)).toEqual(new Map(expected));
            expect(text).toHaveLength(expected.length);
          }
          expect(retained.size).toBe(model.size);
        },
      ),
      { seed: 6, numRuns: 500 },
    );
    expect(found).toBeGreaterThan(500);
  });
});
