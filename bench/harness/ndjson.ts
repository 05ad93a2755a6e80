/** Telemetry bodies with times that lie a fixed step apart, and their sending over HTTP as fast as it is taken. */
import type { Server } from '../../test/support/server.ts';

const LINES_PER_BODY = 1_000;
const METRICS = 5;

export interface Series {
  readonly device: string;
  readonly token: string;
}

/** One line per instant, five metrics each: a day's curve with a little noise, the same on each run. */
function body(fromMs: number, stepMs: number, lines: number): string {
  const rows = Array.from({ length: lines }, (_, line) => {
    const ts = fromMs + line * stepMs;
    const day = Math.sin((ts / 86_400_000) * 2 * Math.PI);
    const noise = ((ts / stepMs) * 7_919) % 100;
    const values = {
      temperature: round(20 + 8 * day + noise / 100),
      humidity: round(55 - 15 * day + noise / 50),
      battery: round(3.7 - noise / 10_000),
      rssi: -60 - Math.floor(noise / 10),
      seq: line,
    };
    return JSON.stringify({ ts, values });
  });
  return `${rows.join('\n')}\n`;
}

const round = (value: number): number => Math.round(value * 100) / 100;

/** Fills each series with `instants` lines from `fromMs` on, `atOnce` requests in flight; answers the readings accepted. */
export async function fill(
  server: Server,
  series: readonly Series[],
  plan: {
    readonly fromMs: number;
    readonly stepMs: number;
    readonly instants: number;
    readonly atOnce: number;
  },
): Promise<number> {
  const waiting = Array.from(
    { length: Math.ceil(plan.instants / LINES_PER_BODY) },
    (_, block) => block,
  ).flatMap((block) => series.map((one) => ({ one, block })));
  let next = 0;
  let accepted = 0;
  let cached = { block: -1, text: '' };
  const worker = async (): Promise<void> => {
    for (;;) {
      const job = waiting[next];
      next += 1;
      if (job === undefined) return;
      if (cached.block !== job.block) {
        const lines = Math.min(LINES_PER_BODY, plan.instants - job.block * LINES_PER_BODY);
        cached = {
          block: job.block,
          text: body(plan.fromMs + job.block * LINES_PER_BODY * plan.stepMs, plan.stepMs, lines),
        };
      }
      // Awaited apart: "accepted += await" would read the sum before the others have added theirs.
      const items = await post(server, job.one, cached.text);
      accepted += items * METRICS;
    }
  };
  await Promise.all(Array.from({ length: plan.atOnce }, worker));
  return accepted;
}

async function post(server: Server, { device, token }: Series, text: string): Promise<number> {
  const response = await fetch(`${server.http}/api/v1/devices/${device}/telemetry`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
    body: text,
  });
  const answer: unknown = await response.json();
  if (response.status !== 200 || typeof answer !== 'object' || answer === null || !('accepted' in answer)) {
    throw new Error(`POST telemetry: ${response.status} ${JSON.stringify(answer)}`);
  }
  return Number(answer.accepted);
}
