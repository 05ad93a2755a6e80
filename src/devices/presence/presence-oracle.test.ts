import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PRESENCE_LAG_MS, PRESENCE_SILENCE_MS } from '../../base/limits.ts';
import { seededRandom } from '../../base/random.ts';
import type { DisconnectReason } from '../../model/presence.ts';
import { Deadlines, type Timed } from './deadlines.ts';
import { connection, PresenceWorld } from './test-world.ts';

const DECLARED = {
  plain: {},
  lively: { attributes: { presence: { every: '10s' } } },
  sleeper: { attributes: { presence: { every: '10s', sleeps: true } } },
} as const;
type Name = keyof typeof DECLARED;
const NAMES = ['plain', 'lively', 'sleeper'] as const;
const OVERDUE_MS = 15_000 + PRESENCE_LAG_MS;
const DAY_MS = 86_400_000;

type Happening = 'connect' | 'connecting' | 'failed' | 'data' | 'revoked' | DisconnectReason;
interface Entry {
  readonly at: number;
  readonly what: Happening;
}

/** The oracle: everything that ever happened to a device, read again from the beginning for each answer. */
function naive(name: Name, history: readonly Entry[], now: number): string {
  const opened = history.filter(({ what }) => what === 'connect').length;
  const ends = history.filter(({ what }) => ['clean', 'network', 'keep-alive', 'kicked'].includes(what));
  const begun = history.filter(({ what }) => what === 'connecting').length;
  const failed = history.filter(({ what }) => what === 'failed').length;
  if (history.length === 0) return 'unknown never-seen';
  const period = name === 'plain' ? undefined : OVERDUE_MS;
  if (opened > ends.length) {
    // Since the last moment there was no connection.
    let open = 0;
    let begins = 0;
    for (const [i, entry] of history.entries()) {
      if (entry.what === 'connect') {
        if (open === 0) begins = i;
        open += 1;
      } else if (ends.includes(entry)) open -= 1;
    }
    const data = history.filter(({ what }, i) => what === 'data' && i > begins);
    const heard = data.at(-1)?.at ?? history[begins]?.at ?? 0;
    if (period !== undefined && now >= heard + period) return 'overdue silent';
    return data.length > 0 ? 'reporting data' : 'connected link';
  }
  const lastEnd = ends.at(-1);
  const lastRevoked = history.findLastIndex(({ what }) => what === 'revoked');
  const isOpen = (i: number): boolean => {
    const before = history.slice(0, i);
    const connects = before.filter((entry) => entry.what === 'connect');
    return connects.length > before.filter((entry) => ends.includes(entry)).length;
  };
  const counts = ({ what, at }: Entry, i: number): boolean => {
    if (what !== 'data') return false;
    const before = history.slice(0, i);
    const last = before.findLast((entry) => ends.includes(entry) || entry.what === 'revoked');
    return isOpen(i) || last === undefined || at - last.at >= PRESENCE_LAG_MS;
  };
  const good = history.filter(counts);
  const lastGood = good.at(-1);
  // What comes on a connection that was open already proves nothing.
  const proof = history.findLastIndex(
    (entry, i) => entry.what === 'connect' || (counts(entry, i) && !isOpen(i)),
  );
  if (lastRevoked > proof) return 'blocked revoked';
  if (begun > opened + failed) return 'connecting handshake';
  const heard = Math.max(lastEnd?.at ?? -Infinity, lastGood?.at ?? -Infinity);
  if (name === 'sleeper') return now < heard + OVERDUE_MS ? 'sleeping declared' : 'overdue silent';
  if (lastGood !== undefined && lastGood.at > (lastEnd?.at ?? -Infinity)) {
    const until = lastGood.at + (period ?? PRESENCE_SILENCE_MS);
    if (now < until) return 'reporting data';
    return period === undefined ? 'unknown silent' : 'overdue silent';
  }
  if (lastEnd !== undefined) return `disconnected ${lastEnd.what}`;
  return period === undefined ? 'unknown silent' : 'overdue silent';
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('connect'), name: fc.constantFrom(...NAMES) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('clean', 'network', 'keep-alive', 'kicked'),
      name: fc.constantFrom(...NAMES),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('data'), name: fc.constantFrom(...NAMES) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('connecting', 'failed', 'revoked'),
      name: fc.constantFrom(...NAMES),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass'), ms: fc.integer({ min: 1, max: 40_000 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass'), ms: fc.constant(PRESENCE_SILENCE_MS) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('jump'), days: fc.constantFrom(400, -400) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Run implements AsyncDisposable {
  readonly world = new PresenceWorld();
  readonly histories: Record<Name, Entry[]> = { plain: [], lively: [], sleeper: [] };
  readonly #open: Record<Name, { links: number; handshakes: number }> = {
    plain: { links: 0, handshakes: 0 },
    lively: { links: 0, handshakes: 0 },
    sleeper: { links: 0, handshakes: 0 },
  };

  constructor() {
    for (const name of NAMES) this.world.registry.add(name, DECLARED[name]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }

  do(done: Step): void {
    const { world } = this;
    if ('days' in done) world.clock.jump(done.days * DAY_MS);
    else if ('ms' in done) world.clock.advance(done.ms);
    else this.#happen(done.name, done.kind);
    world.tracker.tick();
  }

  check(): void {
    for (const name of NAMES) {
      const expected = naive(name, this.histories[name], this.world.clock.monotonic());
      expect(`${name}: ${this.world.of(name)}`).toBe(`${name}: ${expected}`);
      const { state, held } = this.world.tracker.get(name);
      // Whoever only reads the events knows the same, but for what is held back or just being decided.
      if (held === 0 && state !== 'connecting') expect(this.world.told(name).at(-1) ?? 'unknown').toBe(state);
    }
  }

  #happen(name: Name, what: Happening): void {
    const { tracker } = this.world;
    const open = this.#open[name];
    const entry = { at: this.world.clock.monotonic(), what };
    if (what === 'connect') {
      tracker.connecting(connection(name));
      tracker.connected(connection(name));
      this.histories[name].push({ ...entry, what: 'connecting' });
      open.links += 1;
    } else if (what === 'connecting') {
      tracker.connecting(connection(name));
      open.handshakes += 1;
    } else if (what === 'failed') {
      if (open.handshakes === 0) return;
      tracker.disconnected(connection(name), 'network', false);
      open.handshakes -= 1;
    } else if (what === 'data') tracker.received(name);
    else if (what === 'revoked') tracker.revoked(name);
    else {
      if (open.links === 0) return;
      tracker.disconnected(connection(name), what, true);
      open.links -= 1;
    }
    this.histories[name].push(entry);
  }
}

describe('presence against a naive oracle', () => {
  it('is what the whole history says, after each of many steps, whatever the wall clock does', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        await using run = new Run();
        for (const each of steps) {
          run.do(each);
          run.check();
        }
      }),
      { numRuns: 300, seed: 11 },
    );
  });
});

describe('deadlines', () => {
  it('come in their order, each when it is due and not before, however they are moved', () => {
    const random = seededRandom(4);
    const heap = new Deadlines<Timed & { due: number }>();
    const items = Array.from({ length: 200 }, () => ({ queuedAt: 0, place: -1, due: Infinity }));
    for (let now = 0; now < 2_000; now += 1) {
      for (let i = 0; i < 20; i += 1) {
        const item = items[Math.floor(random.next() * items.length)];
        if (item === undefined) continue;
        item.due = random.next() < 0.1 ? Infinity : now + Math.floor(random.next() * 100);
        heap.set(item, item.due);
      }
      let last = -Infinity;
      for (let item = heap.take(now); item !== undefined; item = heap.take(now)) {
        expect(item.queuedAt).toBeGreaterThanOrEqual(last);
        last = item.queuedAt;
        if (item.due <= now) item.due = Infinity;
        else heap.set(item, item.due);
      }
      expect(items.filter(({ due }) => due <= now)).toEqual([]);
      expect(heap.size).toBe(items.filter(({ due }) => due < Infinity).length);
    }
  });
});
