/** Memory of a running platform over time: what the process holds, and what its heaps hold after a collection. */
import { pause } from '../../test/support/server.ts';
import { Inspector } from './inspector.ts';
import type { Platform } from './platform.ts';
import { usageOf } from './processes.ts';
import type { Measurement } from './scenario.ts';
import { linearFit } from './statistics.ts';

const HOUR_S = 3_600;

interface MemorySample {
  /** Since the watch began, seconds. */
  readonly at: number;
  readonly rssMiB: number;
  readonly anonymousMiB: number;
}

interface HeapSample {
  readonly at: number;
  readonly heapMiB: number;
  readonly externalMiB: number;
}

export interface MemoryLog {
  readonly process: readonly MemorySample[];
  readonly heaps: readonly HeapSample[];
}

interface Pace {
  readonly everyMs: number;
  /** One sample in so many looks into the heaps, too; that stops the server for a collection. */
  readonly heapsEvery: number;
  readonly say: (text: string) => void;
}

/** Samples while `work` runs. */
export async function watchMemory(
  platform: Platform,
  { everyMs, heapsEvery, say }: Pace,
  work: () => Promise<void>,
): Promise<MemoryLog> {
  using inspector = await Inspector.connect(() => platform.server.stderr);
  const log = { process: [] as MemorySample[], heaps: [] as HeapSample[] };
  const begun = performance.now();
  const state = { ended: false };
  const watch = async (): Promise<void> => {
    for (let number = 1; ; number += 1) {
      await pause(Math.max(0, begun + number * everyMs - performance.now()));
      if (state.ended) return;
      const at = (performance.now() - begun) / 1_000;
      const { rssMiB, anonymousMiB } = usageOf(platform.pid);
      log.process.push({ at, rssMiB, anonymousMiB });
      if (number % heapsEvery !== 0) continue;
      const { heapMiB, externalMiB, threads } = await inspector.heaps();
      log.heaps.push({ at, heapMiB, externalMiB });
      const [rss, own] = [rssMiB, anonymousMiB].map(Math.round);
      say(
        `${Math.round(at)} s: resident ${rss} MiB, its own ${own}; heaps of ${threads} threads ` +
          `${heapMiB.toFixed(1)}, external ${externalMiB.toFixed(1)}`,
      );
    }
  };
  const working = work().finally(() => {
    state.ended = true;
  });
  await Promise.all([working, watch()]);
  return log;
}

interface GrowthOptions<T> {
  readonly what: string;
  readonly samples: readonly T[];
  readonly pick: (sample: T) => number;
  /** Warm-up that is left out, seconds. */
  readonly from: number;
  readonly asked?: Measurement['asked'];
}

/** Of a line through the samples after the warm-up: percent an hour of what it began with, and how sure that is. */
export function growth<T extends { readonly at: number }>(options: GrowthOptions<T>): readonly Measurement[] {
  const { what, samples, pick, from, asked } = options;
  const points = samples.filter(({ at }) => at >= from).map((one) => ({ at: one.at, value: pick(one) }));
  const { slope, slopeError, first } = linearFit(points);
  const perHour = (perS: number): number => (100 * perS * HOUR_S) / first;
  const last = points.at(-1)?.value ?? first;
  return [
    {
      what: `${what}: growth`,
      value: perHour(slope),
      unit: '%/h',
      asked,
      note: `± ${perHour(slopeError).toPrecision(2)} (standard error), ${points.length} samples after ${Math.round(from)} s`,
    },
    { what: `${what}: at the end`, value: last, unit: 'MiB', note: `${Math.round(first)} after the warm-up` },
  ];
}
