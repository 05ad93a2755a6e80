import { describe, expect, it } from 'vitest';
import type { Subscription } from '../session/subscription.ts';
import type { Member } from './delivery.ts';
import { SharedGroup } from './shared-group.ts';

class Worker implements Member {
  readonly name: string;
  isReady = true;
  may = true;

  constructor(name: string) {
    this.name = name;
  }

  mayReceive(): boolean {
    return this.may;
  }
}

const subscription = (more: Partial<Subscription> = {}): Subscription => ({
  name: '$share/g/a',
  filter: 'a',
  group: 'g',
  qos: 1,
  noLocal: false,
  retainAsPublished: false,
  id: 0,
  since: 0,
  ...more,
});
const setUp = (...names: readonly string[]) => {
  const group = new SharedGroup<Worker>('a');
  const workers = names.map((name) => new Worker(name));
  for (const worker of workers) group.add(worker, subscription());
  const takers = (count: number, but?: Worker): string =>
    Array.from({ length: count }, () => group.next('a', but)?.member.name ?? '-').join('');
  return { group, workers, takers };
};

describe('a shared subscription', () => {
  it('gives each message to one member, in turn', () => {
    expect(setUp('x', 'y', 'z').takers(7)).toBe('xyzxyzx');
    expect(setUp().takers(1)).toBe('-');
  });

  it('passes by who is behind or away while somebody is ready, and shares among them when nobody is', () => {
    const { workers, takers } = setUp('x', 'y', 'z');
    const [x, y, z] = workers;
    if (y) y.isReady = false;
    expect(takers(4)).toBe('xzxz');
    for (const worker of [x, z]) if (worker) worker.isReady = false;
    expect(takers(9).split('').toSorted().join('')).toBe('xxxyyyzzz');
  });

  it('never gives to who may not have it, or to who is going', () => {
    const { workers, takers } = setUp('x', 'y');
    const [x, y] = workers;
    if (x) x.may = false;
    expect(takers(3)).toBe('yyy');
    expect(takers(1, y)).toBe('-');
    if (x) x.may = true;
    expect(takers(3, y)).toBe('xxx');
  });

  it('goes on without who left, and does not count who subscribes again twice', () => {
    const { group, workers, takers } = setUp('x', 'y', 'z');
    const [x, y] = workers;
    if (x === undefined || y === undefined) throw new Error('nobody');
    expect(group.add(x, subscription({ qos: 2 }))).toBe(false);
    expect([group.remove(y), group.remove(y), group.size]).toEqual([true, false, 2]);
    expect(takers(4).split('').toSorted().join('')).toBe('xxzz');
  });

  it('delivers as the member that gets it has subscribed', () => {
    const group = new SharedGroup<Worker>('a');
    group.add(new Worker('x'), subscription({ qos: 0 }));
    group.add(new Worker('y'), subscription({ qos: 2, id: 7, retainAsPublished: true }));
    expect(group.next('a')?.delivery).toEqual({ qos: 0, retainAsPublished: false, ids: undefined });
    expect(group.next('a')?.delivery).toEqual({ qos: 2, retainAsPublished: true, ids: [7] });
  });
});
