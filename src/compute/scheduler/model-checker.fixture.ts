/**
 * Tries every order in which the atomic steps of a few actors can happen. The code under test runs as it is, on a `Cells`
 * that lets one step through at a time: an operation is run anew from its start with the answers its earlier steps got,
 * and stopped at the first step that has none. States seen before are not followed again, so all interleavings are
 * covered, not only some.
 */
import type { Cells } from './cells.ts';

/** One thread: its operations in order. Each answers something that `check` sees. */
export type Actor = readonly ((cells: Cells) => unknown)[];

export interface Model {
  readonly words: number;
  readonly initial?: (cells: Cells) => void;
  readonly actors: readonly Actor[];
  /** At the end of each history; throws when it must not be. `stuck`: actors that sleep for ever. */
  readonly check: (end: {
    answers: readonly (readonly unknown[])[];
    cells: Cells;
    stuck: readonly number[];
  }) => void;
}

type Step =
  | { readonly kind: 'load'; readonly at: number }
  | { readonly kind: 'store'; readonly at: number; readonly value: number }
  | { readonly kind: 'cas'; readonly at: number; readonly value: number; readonly expected: number }
  | { readonly kind: 'exchange'; readonly at: number; readonly value: number }
  | { readonly kind: 'add'; readonly at: number; readonly value: number }
  | { readonly kind: 'or'; readonly at: number; readonly value: number }
  | { readonly kind: 'wait'; readonly at: number; readonly expected: number }
  | { readonly kind: 'notify'; readonly at: number };

class Pause extends Error {
  readonly step: Step;

  constructor(step: Step) {
    super('next step');
    this.step = step;
  }
}

/** Answers from a log; the first step beyond it stops the operation. */
class ReplayCells implements Cells {
  readonly #log: readonly number[];
  #at = 0;

  constructor(log: readonly number[]) {
    this.#log = log;
  }

  #take(step: Step): number {
    const answer = this.#log[this.#at];
    if (answer === undefined) throw new Pause(step);
    this.#at += 1;
    return answer;
  }

  /** Plain access is a step like any other: what the machine may reorder beyond that is not modelled. */
  peek(at: number): number {
    return this.#take({ kind: 'load', at });
  }

  poke(at: number, value: number): void {
    this.#take({ kind: 'store', at, value });
  }

  load(at: number): number {
    return this.#take({ kind: 'load', at });
  }

  store(at: number, value: number): void {
    this.#take({ kind: 'store', at, value });
  }

  compareExchange(at: number, expected: number, value: number): number {
    return this.#take({ kind: 'cas', at, expected, value });
  }

  exchange(at: number, value: number): number {
    return this.#take({ kind: 'exchange', at, value });
  }

  add(at: number, value: number): number {
    return this.#take({ kind: 'add', at, value });
  }

  or(at: number, value: number): number {
    return this.#take({ kind: 'or', at, value });
  }

  wait(at: number, expected: number): void {
    this.#take({ kind: 'wait', at, expected });
  }

  notify(at: number): void {
    this.#take({ kind: 'notify', at });
  }
}

/** Memory that does each step at once. */
class PlainCells implements Cells {
  readonly words: number[];

  constructor(words: readonly number[]) {
    this.words = [...words];
  }

  load(at: number): number {
    return this.words[at] ?? 0;
  }

  peek(at: number): number {
    return this.load(at);
  }

  poke(at: number, value: number): void {
    this.store(at, value);
  }

  store(at: number, value: number): void {
    this.words[at] = value | 0;
  }

  compareExchange(at: number, expected: number, value: number): number {
    const before = this.load(at);
    if (before === expected) this.store(at, value);
    return before;
  }

  exchange(at: number, value: number): number {
    const before = this.load(at);
    this.store(at, value);
    return before;
  }

  add(at: number, value: number): number {
    return this.exchange(at, this.load(at) + value);
  }

  or(at: number, bits: number): number {
    return this.exchange(at, this.load(at) | bits);
  }

  wait(): void {}

  notify(): void {}
}

interface ActorState {
  readonly answers: readonly unknown[];
  /** Of the operation in progress. */
  readonly log: readonly number[];
  /** Sleeps on this word. */
  readonly asleep: number | undefined;
}

interface State {
  readonly words: readonly number[];
  readonly actors: readonly ActorState[];
}

/** Runs on without shared steps, up to the next one. */
function advance(
  actor: Actor,
  state: ActorState,
): { readonly state: ActorState; readonly step: Step | undefined } {
  let { answers, log } = state;
  for (;;) {
    const operation = actor[answers.length];
    if (operation === undefined) return { state: { answers, log, asleep: undefined }, step: undefined };
    try {
      answers = [...answers, operation(new ReplayCells(log))];
      log = [];
    } catch (cause) {
      if (!(cause instanceof Pause)) throw cause;
      return { state: { answers, log, asleep: state.asleep }, step: cause.step };
    }
  }
}

function perform(step: Step, cells: PlainCells): number {
  switch (step.kind) {
    case 'load':
      return cells.load(step.at);
    case 'store':
      cells.store(step.at, step.value);
      return 0;
    case 'cas':
      return cells.compareExchange(step.at, step.expected, step.value);
    case 'exchange':
      return cells.exchange(step.at, step.value);
    case 'add':
      return cells.add(step.at, step.value);
    case 'or':
      return cells.or(step.at, step.value);
    case 'wait':
    case 'notify':
      return 0;
  }
}

function after(state: State, who: number, step: Step): State {
  const cells = new PlainCells(state.words);
  const asleep = step.kind === 'wait' && cells.load(step.at) === step.expected ? step.at : undefined;
  const answer = perform(step, cells);
  const actors = state.actors.map((actor, index): ActorState => {
    if (index === who)
      return asleep === undefined ? { ...actor, log: [...actor.log, answer] } : { ...actor, asleep };
    const isWoken = step.kind === 'notify' && actor.asleep === step.at;
    return isWoken ? { ...actor, asleep: undefined, log: [...actor.log, 0] } : actor;
  });
  return { words: cells.words, actors };
}

/** Answers how many different states there were. Throws what `check` throws. */
export function checkAllInterleavings({ words, initial, actors, check }: Model): number {
  const start = new PlainCells(Array.from({ length: words }, () => 0));
  initial?.(start);
  const first: State = {
    words: start.words,
    actors: actors.map(() => ({ answers: [], log: [], asleep: undefined })),
  };
  const seen = new Set<string>();
  const open: State[] = [first];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    const key = JSON.stringify(state);
    if (seen.has(key)) continue;
    seen.add(key);
    open.push(...successors(state, actors, check));
  }
  return seen.size;
}

function successors(state: State, actors: readonly Actor[], check: Model['check']): readonly State[] {
  const ready = state.actors.map((actor, index) => advance(actors[index] ?? [], actor));
  const settled: State = { words: state.words, actors: ready.map(({ state: actor }) => actor) };
  const awake = ready.flatMap(({ step }, who) =>
    step !== undefined && settled.actors[who]?.asleep === undefined ? [{ who, step }] : [],
  );
  if (awake.length > 0) return awake.map(({ who, step }) => after(settled, who, step));
  const stuck = settled.actors.flatMap(({ asleep }, who) => (asleep === undefined ? [] : [who]));
  check({ answers: settled.actors.map(({ answers }) => answers), cells: new PlainCells(state.words), stuck });
  return [];
}
