import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryStateStore } from '../../../../test/support/memory-state.ts';
import type { Subscription } from '../session/subscription.ts';
import { naivelyMatches } from '../test-support.ts';
import type { Member } from './delivery.ts';
import { RetainedMessages } from './retained.ts';
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

class Reader implements Member {
  readonly name: string;
  isReady = true;
  forbidden = '';

  constructor(name: string) {
    this.name = name;
  }

  mayReceive(topic: string): boolean {
    return topic !== this.forbidden;
  }
}

const subscription = (filter: string, more: Partial<Subscription> = {}): Subscription => ({
  name: more.group === undefined ? filter : `$share/${more.group}/${filter}`,
  filter,
  group: undefined,
  qos: 0,
  noLocal: false,
  retainAsPublished: false,
  id: 0,
  since: 0,
  ...more,
});
const retainedMessage = (topic: string, payload: string) => ({
  topic,
  payload: Buffer.from(payload),
  qos: 1 as const,
  passed: undefined,
  expiresAt: undefined,
});

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
    const tree = new TopicTree<Reader>();
    tree.add(subscription(filter), new Reader('me'));
    expect(tree.match(topic).direct).toHaveLength(matches ? 1 : 0);
    const retained = new RetainedMessages(new MemoryStateStore());
    void retained.set(retainedMessage(topic, 'x'));
    expect([...retained.matching(filter)]).toHaveLength(matches ? 1 : 0);
  });

  it('finds the subscribers that matching one by one finds, with their highest QoS, through additions and removals', () => {
    const change = fc.record({
      filter: filters,
      member: fc.constantFrom(new Reader('x'), new Reader('y'), new Reader('z')),
      qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
      isRemoval: fc.boolean(),
    });
    let found = 0;
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 12 }),
        fc.array(topics, { minLength: 3 }),
        (changes, asked) => {
          const tree = new TopicTree<Reader>();
          const model = new Map<string, { filter: string; member: Reader; qos: 0 | 1 | 2 }>();
          for (const { filter, member, qos, isRemoval } of changes) {
            if (isRemoval) tree.remove(subscription(filter), member);
            else tree.add(subscription(filter, { qos }), member);
            if (isRemoval) model.delete(`${filter} ${member.name}`);
            else model.set(`${filter} ${member.name}`, { filter, member, qos });
            for (const topic of asked) {
              const expected = new Map<Reader, number>();
              for (const row of model.values()) {
                if (!naivelyMatches(row.filter, topic)) continue;
                expected.set(row.member, Math.max(row.qos, expected.get(row.member) ?? 0));
              }
              const matches = tree.match(topic).direct;
              found += matches.length;
              expect(new Map(matches.map((match) => [match.member, match.delivery.qos]))).toEqual(expected);
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
            void retained.set(retainedMessage(topic, payload));
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

describe('who gets a message', () => {
  it('once, with what all its matching subscriptions ask for together', () => {
    const tree = new TopicTree<Reader>();
    const reader = new Reader('r');
    tree.add(subscription('a/#', { qos: 2, id: 7 }), reader);
    tree.add(subscription('a/+', { qos: 1, retainAsPublished: true, id: 9 }), reader);
    tree.add(subscription('b', { id: 1 }), reader);
    const [match, ...others] = tree.match('a/b').direct;
    expect(others).toEqual([]);
    expect(match?.delivery).toMatchObject({ qos: 2, retainAsPublished: true });
    expect(match?.delivery.ids?.toSorted((x, y) => x - y)).toEqual([7, 9]);
  });

  it('of its own messages only by subscriptions without No Local', () => {
    const tree = new TopicTree<Reader>();
    const reader = new Reader('r');
    tree.add(subscription('a', { qos: 2, noLocal: true }), reader);
    expect(tree.match('a').direct[0]?.own).toBeUndefined();
    tree.add(subscription('+', { qos: 1 }), reader);
    expect(tree.match('a').direct[0]?.own?.qos).toBe(1);
    expect(tree.match('a').direct[0]?.delivery.qos).toBe(2);
  });

  it('not without the right to, and at once when rights are looked at anew', () => {
    const tree = new TopicTree<Reader>();
    const reader = new Reader('r');
    tree.add(subscription('a'), reader);
    expect(tree.match('a').direct).toHaveLength(1);
    reader.forbidden = 'a';
    tree.forget();
    expect(tree.match('a').direct).toEqual([]);
  });

  it('in a group: one at a time in turn, the ready ones first, nobody who may not', () => {
    const tree = new TopicTree<Reader>();
    const [x, y, z] = ['x', 'y', 'z'].map((name) => new Reader(name));
    for (const member of [x, y, z]) if (member) tree.add(subscription('a', { group: 'g', qos: 1 }), member);
    expect(tree.size).toBe(3);
    expect(tree.match('a').direct).toEqual([]);
    const takers = (count: number): string =>
      Array.from({ length: count }, () => tree.match('a').shared[0]?.next('a')?.member.name ?? '-').join('');
    expect(takers(6)).toBe('xyzxyz');
    if (y) y.isReady = false;
    expect(takers(4)).toBe('xzxz');
    for (const member of [x, z]) if (member) member.forbidden = 'a';
    expect(takers(2)).toBe('yy');
    if (y) y.forbidden = 'a';
    expect(takers(1)).toBe('-');
    for (const member of [x, y, z]) if (member) tree.remove(subscription('a', { group: 'g' }), member);
    expect(tree.match('a').shared).toEqual([]);
    expect(tree.size).toBe(0);
  });
});
