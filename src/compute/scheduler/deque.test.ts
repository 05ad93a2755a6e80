import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cells, SharedCells } from './cells.ts';
import { Deque } from './deque.ts';
import { type Actor, checkAllInterleavings, type Model } from './model-checker.fixture.ts';

const CAPACITY = 2;
const BASE = 0;
const WORDS = Deque.wordsFor(CAPACITY);
/** Top and bottom of a deque whose numbers are about to wrap. */
const NEAR_WRAP = 0x7fff_ffff;

type Answer = { readonly did: 'push' | 'pop' | 'steal'; readonly ticket: number | undefined };

const on = (cells: Cells): Deque => new Deque({ cells, base: BASE, capacity: CAPACITY });
const push =
  (ticket: number) =>
  (cells: Cells): Answer => ({ did: 'push', ticket: on(cells).push(ticket, -ticket) ? ticket : undefined });
const taken = (ticket: { place: number; generation: number }): number => {
  // Both words of one entry, never halves of two.
  expect(ticket.generation).toBe(-ticket.place);
  return ticket.place;
};
const pop = (cells: Cells): Answer => {
  const ticket = { place: 0, generation: 0 };
  return { did: 'pop', ticket: on(cells).pop(ticket) ? taken(ticket) : undefined };
};
const steal = (cells: Cells): Answer => {
  const ticket = { place: 0, generation: 0 };
  return { did: 'steal', ticket: on(cells).steal(ticket) === 'taken' ? taken(ticket) : undefined };
};

const tickets = (answers: readonly unknown[], did: Answer['did']): readonly number[] =>
  (answers as readonly Answer[]).flatMap((answer) =>
    answer.did === did && answer.ticket !== undefined ? [answer.ticket] : [],
  );

/** Nothing lost, nothing twice, thieves take in order, and the deque is whole afterwards. */
const conserves: Model['check'] = ({ answers, cells }) => {
  const left: number[] = [];
  const ticket = { place: 0, generation: 0 };
  while (on(cells).pop(ticket)) left.push(taken(ticket));
  const pushed = answers.flatMap((actor) => tickets(actor, 'push'));
  const got = answers.flatMap((actor) => [...tickets(actor, 'pop'), ...tickets(actor, 'steal')]);
  expect([...got, ...left].toSorted((a, b) => a - b)).toEqual(pushed.toSorted((a, b) => a - b));
  for (const actor of answers) {
    const stolen = tickets(actor, 'steal');
    expect(stolen).toEqual(stolen.toSorted((a, b) => a - b));
  }
};

const at = (index: number): Pick<Model, 'words' | 'initial'> => ({
  words: WORDS,
  initial: (cells) => {
    cells.store(BASE, index);
    cells.store(BASE + 16, index);
  },
});

const histories: Readonly<Record<string, readonly Actor[]>> = {
  'the last element, owner against thief': [[push(1), pop], [steal]],
  'the last element, owner against two thieves': [[push(1), pop], [steal], [steal]],
  'two elements, owner takes both, thief takes what it gets': [
    [push(1), push(2), pop, pop],
    [steal, steal],
  ],
  'two thieves and an owner that goes on': [[push(1), push(2), pop, push(3), pop], [steal, steal], [steal]],
  'full: a slot is used again while a thief reads it': [
    [push(1), push(2), push(3), push(4), pop],
    [steal, steal],
  ],
  'empty pops between pushes': [
    [pop, push(1), pop, pop, push(2)],
    [steal, steal],
  ],
};

describe('the deque, in every interleaving of', () => {
  for (const [name, actors] of Object.entries(histories)) {
    it(name, () => {
      expect(checkAllInterleavings({ ...at(0), actors, check: conserves })).toBeGreaterThan(20);
    });

    it(`${name}, where its numbers wrap`, () => {
      expect(checkAllInterleavings({ ...at(NEAR_WRAP), actors, check: conserves })).toBeGreaterThan(20);
    });
  }
});

describe('the check itself', () => {
  /** A memory whose compare-exchange always believes that it won. */
  const trusting = (cells: Cells): Cells =>
    new Proxy(cells, {
      get(target, name) {
        if (name !== 'compareExchange') return Reflect.get(target, name).bind(target);
        return (word: number, expected: number, value: number) => {
          target.store(word, value);
          return expected;
        };
      },
    });

  it('finds a deque whose last element is not decided by one atomic step', () => {
    const actors = [[push(1), pop], [steal]].map((actor) =>
      actor.map((operation) => (cells: Cells) => operation(trusting(cells))),
    );
    expect(() => checkAllInterleavings({ ...at(0), actors, check: conserves })).toThrow();
  });

  it('finds an owner that reads the top before it announces its pop', () => {
    const hasty = (cells: Cells): Answer => {
      const bottom = cells.load(16) - 1;
      const top = cells.load(0);
      if (bottom < top) return { did: 'pop', ticket: undefined };
      cells.store(16, bottom);
      const ticket = cells.load(32 + (bottom % CAPACITY) * 2);
      if (bottom > top) return { did: 'pop', ticket };
      const isWon = cells.compareExchange(0, top, top + 1) === top;
      cells.store(16, bottom + 1);
      return { did: 'pop', ticket: isWon ? ticket : undefined };
    };
    const actors = [
      [push(1), push(2), hasty],
      [steal, steal],
    ];
    expect(() => checkAllInterleavings({ ...at(0), actors, check: conserves })).toThrow();
  });
});

describe('a deque by itself', () => {
  it('is a stack for its owner and a queue for thieves, and refuses what it has no room for', () => {
    const operation = fc.constantFrom('push', 'pop', 'steal');
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.integer(), (operations, index) => {
        const cells = new SharedCells(new SharedArrayBuffer(Deque.wordsFor(8) * 4));
        cells.store(0, index);
        cells.store(16, index);
        const deque = new Deque({ cells, base: 0, capacity: 8 });
        const model: number[] = [];
        const ticket = { place: 0, generation: 0 };
        for (const [number, name] of operations.entries()) {
          if (name === 'push') {
            expect(deque.push(number, number)).toBe(model.length < 8);
            if (model.length < 8) model.push(number);
          } else {
            const expected = name === 'pop' ? model.pop() : model.shift();
            const got = name === 'pop' ? deque.pop(ticket) : deque.steal(ticket) === 'taken';
            expect(got ? ticket.place : undefined).toBe(expected);
          }
          expect(deque.isEmpty).toBe(model.length === 0);
        }
      }),
    );
  });

  it('is empty after a reset, wherever its owner died', () => {
    const cells = new SharedCells(new SharedArrayBuffer(WORDS * 4));
    const deque = on(cells);
    deque.push(1, -1);
    // In the middle of a pop of the last element.
    cells.store(16, -1);
    deque.reset();
    expect(deque.isEmpty).toBe(true);
    expect(deque.push(2, -2)).toBe(true);
    const ticket = { place: 0, generation: 0 };
    expect(deque.steal(ticket)).toBe('taken');
    expect(ticket.place).toBe(2);
  });
});
