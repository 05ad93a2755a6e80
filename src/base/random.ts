import { randomBytes } from 'node:crypto';

/** Randomness as a dependency. `system` for keys and ids; `seededRandom` for simulations and replays. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  bytes(size: number): Uint8Array;
}

export const systemRandom: Random = {
  next: () => Math.random(),
  bytes: (size) => randomBytes(size),
};

/** Deterministic generator (mulberry32). Never for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    next,
    bytes: (size) => Uint8Array.from({ length: size }, () => Math.floor(next() * 256)),
  };
}
