/**
 * The state word of a batch or a task: 20 bits generation, 1 attempt, 7 owner, 4 phase. The generation of a record grows
 * with each use, and every change is a compare-exchange of the whole word: who is late by one use changes nothing.
 */

/** A batch: free → queued → running → done → free; cancelled while queued: the next worker to meet it passes it on. */
export const BatchPhase = { free: 0, queued: 1, running: 2, done: 3, cancelled: 4 } as const;

/** A task. All from `ok` on are final. */
export const TaskPhase = {
  empty: 0,
  /** A slot that a running task fills for one it spawns. */
  reserved: 1,
  ready: 2,
  running: 3,
  ok: 4,
  failed: 5,
  cancelled: 6,
  timedOut: 7,
  crashed: 8,
  /** Reserved by a task that did not return. */
  void: 9,
} as const;

const PHASE_BITS = 4;
const PHASE_MASK = (1 << PHASE_BITS) - 1;
const OWNER_BITS = 7;
const OWNER_MASK = (1 << OWNER_BITS) - 1;
const ATTEMPT_AT = PHASE_BITS + OWNER_BITS;
const GENERATION_AT = ATTEMPT_AT + 1;
export const GENERATIONS = 1 << (32 - GENERATION_AT);

/** Main thread, or nobody; workers are their number + 1. */
export const NO_OWNER = 0;
export const ownerOfWorker = (worker: number): number => worker + 1;

export const tagOf = (generation: number, phase: number, owner = NO_OWNER, attempt = 0): number =>
  (generation << GENERATION_AT) | (attempt << ATTEMPT_AT) | (owner << PHASE_BITS) | phase;

export const phaseOf = (tag: number): number => tag & PHASE_MASK;
export const ownerOf = (tag: number): number => (tag >>> PHASE_BITS) & OWNER_MASK;
export const attemptOf = (tag: number): number => (tag >>> ATTEMPT_AT) & 1;
export const generationOf = (tag: number): number => tag >>> GENERATION_AT;
export const isFinal = (tag: number): boolean => phaseOf(tag) >= TaskPhase.ok;
