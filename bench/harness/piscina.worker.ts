/** Piscina's worker threads: one task, or a list of them in one message. */
import { spin } from './spin.ts';

export default function run(turns: number | readonly number[]): number | readonly number[] {
  return typeof turns === 'number' ? spin(turns) : turns.map(spin);
}
