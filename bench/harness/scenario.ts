/** The words of the benchmarks: what a scenario is, what it gets, what it answers. */

export interface Scenario {
  readonly name: string;
  /** One line: what is driven, and what the figure means. */
  readonly description: string;
  run(context: BenchContext): Promise<readonly Measurement[]>;
}

export interface BenchContext {
  /** A tenth of the work and one round: to see that it runs, not to quote. */
  readonly quick: boolean;
  /** Full size, or a tenth of it. */
  scaled(count: number): number;
  readonly rounds: number;
  /** An empty folder that goes away afterwards. */
  folder(name: string): string;
  say(text: string): void;
}

export interface Measurement {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** The goal, where there is one. */
  readonly asked?: { readonly atLeast: number } | { readonly atMost: number } | undefined;
  /** How the value came about, in a few words. */
  readonly note?: string | undefined;
}

/** The machine lacks what the scenario needs: said in the table, no failure of ours. */
export class UnavailableError extends Error {
  override readonly name = 'UnavailableError';
}

export function isMet({ value, asked }: Measurement): boolean | undefined {
  if (asked === undefined) return undefined;
  return 'atLeast' in asked ? value >= asked.atLeast : value <= asked.atMost;
}
