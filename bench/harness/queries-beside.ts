/** Queries at a steady pace while something else loads the server: one at a time, four a second. */
import { pause, type Server } from '../../test/support/server.ts';

const PAUSE_MS = 250;
const MINUTE_MS = 60_000;

/** Milliseconds of each answer, by question. */
export type QueryTimes = ReadonlyMap<string, readonly number[]>;

/** Paths below /api/v1/devices/{id}. */
const questions = (now: number): Readonly<Record<string, string>> => ({
  'latest values of a device': 'latest',
  'its last 1,000 readings of one metric': `telemetry?metric=temp&from=${now - 5 * MINUTE_MS}&limit=1000`,
  'its 1-minute means of the last hour': `telemetry?metric=temp&from=${now - 60 * MINUTE_MS}&interval=1m&agg=avg`,
});

/** Asks until `work` is done; a refusal or an error ends it. */
export async function askBeside<T>(
  server: Server,
  devices: readonly string[],
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly times: QueryTimes }> {
  const times = new Map<string, number[]>();
  const state = { ended: false };
  const ask = async (): Promise<void> => {
    for (let at = 0; !state.ended; at += 1) {
      const asked = Object.entries(questions(Date.now()));
      const [what, path] = asked[at % asked.length] ?? ['', ''];
      const begun = performance.now();
      await server.get(`/api/v1/devices/${devices[at % devices.length]}/${path}`);
      const took = performance.now() - begun;
      const samples = times.get(what);
      if (samples === undefined) times.set(what, [took]);
      else samples.push(took);
      await pause(PAUSE_MS);
    }
  };
  const working = work().finally(() => {
    state.ended = true;
  });
  const [result] = await Promise.all([working, ask()]);
  return { result, times };
}
