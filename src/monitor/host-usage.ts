import { cpus, freemem, totalmem } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { USAGE_REFRESH_MS } from '../base/limits.ts';

interface Usage {
  readonly memoryBytes: number;
  /** Since the refresh before: of one core for the process, of all cores for the host. */
  readonly cpuPercent: number;
}

interface CpuSample {
  readonly atMs: number;
  readonly processMs: number;
  readonly hostBusyMs: number;
  readonly hostTotalMs: number;
}

/** What this process and its host use, refreshed every USAGE_REFRESH_MS so that a scrape costs nothing. */
export class HostUsage {
  readonly #clock: Pick<typeof systemClock, 'monotonic'>;
  #sample: CpuSample;
  #timer: NodeJS.Timeout | undefined;
  #current: { readonly process: Usage; readonly host: Usage };

  constructor(clock: Pick<typeof systemClock, 'monotonic'> = systemClock) {
    this.#clock = clock;
    this.#sample = takeSample(clock.monotonic());
    this.#current = {
      process: { memoryBytes: process.memoryUsage.rss(), cpuPercent: 0 },
      host: { memoryBytes: totalmem() - freemem(), cpuPercent: 0 },
    };
  }

  get current(): { readonly process: Usage; readonly host: Usage } {
    return this.#current;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.refresh(), USAGE_REFRESH_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  refresh(): void {
    const before = this.#sample;
    const now = takeSample(this.#clock.monotonic());
    this.#sample = now;
    this.#current = {
      process: {
        memoryBytes: process.memoryUsage.rss(),
        cpuPercent: percent(now.processMs - before.processMs, now.atMs - before.atMs),
      },
      host: {
        memoryBytes: totalmem() - freemem(),
        cpuPercent: percent(now.hostBusyMs - before.hostBusyMs, now.hostTotalMs - before.hostTotalMs),
      },
    };
  }
}

function takeSample(atMs: number): CpuSample {
  const { user, system } = process.cpuUsage();
  let hostBusyMs = 0;
  let hostTotalMs = 0;
  for (const { times } of cpus()) {
    const busy = times.user + times.nice + times.sys + times.irq;
    hostBusyMs += busy;
    hostTotalMs += busy + times.idle;
  }
  return { atMs, processMs: (user + system) / 1_000, hostBusyMs, hostTotalMs };
}

const percent = (part: number, whole: number): number => (whole > 0 ? Math.max(0, (part / whole) * 100) : 0);
