import { LEVEL_OF, type Partition, type Slice } from '../retention-store.ts';

/** Which parts of history go first when all of it does not fit: raw before minutes before hours, oldest first. */

/** A part that may go, and what that would free. */
export interface Candidate<T extends Partition | Slice = Partition | Slice> {
  readonly part: T;
  readonly bytes: number;
}

const RANK = { raw: 0, minute: 1, hour: 2 } as const;

/** Takes candidates until `excessBytes` are freed. `left` is what is still too much then, 0 where it fits. */
export function pickVictims(
  candidates: readonly Candidate[],
  excessBytes: number,
): { readonly victims: readonly Candidate[]; readonly left: number } {
  const inOrder = candidates.toSorted(
    ({ part: a }, { part: b }) => RANK[LEVEL_OF[a.kind]] - RANK[LEVEL_OF[b.kind]] || a.from - b.from,
  );
  const victims: Candidate[] = [];
  let left = excessBytes;
  for (const candidate of inOrder) {
    if (left <= 0) break;
    victims.push(candidate);
    left -= candidate.bytes;
  }
  return { victims, left: Math.max(0, left) };
}
