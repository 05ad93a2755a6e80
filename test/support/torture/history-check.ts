import type { Server } from '../server.ts';
import { FIRST_TS, type KeptPublisher } from './kept-publisher.ts';
import type { Ledger } from './ledger.ts';

/** Readings asked for at once: below the server's limit of a query. */
const PAGE = 200_000;

interface Answer {
  readonly readings: readonly { readonly value: number }[];
}

/** What was acknowledged is in history, and what came at QoS 2 is there once. */
export async function checkHistory(
  server: Server,
  publishers: readonly KeptPublisher[],
  ledger: Ledger,
): Promise<void> {
  await server.settled();
  for (const stream of publishers.flatMap(({ streams }) => streams)) {
    const sent = ledger.sent(stream);
    const { publisher, qos } = stream;
    const seen = new Set<number>();
    let rows = 0;
    for (let from = 0; from < sent; from += PAGE) {
      const range = `from=${FIRST_TS + from}&to=${FIRST_TS + from + PAGE}&limit=${PAGE * 2}`;
      const path = `/api/v1/devices/${publisher}/telemetry?metric=q${qos}&${range}`;
      const { readings } = await server.get<Answer>(path);
      rows += readings.length;
      for (const { value } of readings) seen.add(value);
    }
    const where = `history ← ${publisher}/q${qos}`;
    if (seen.size !== sent) ledger.fault(`${where}: ${seen.size} of ${sent}`);
    if (qos === 2 && rows !== seen.size) ledger.fault(`${where}: ${rows} rows for ${seen.size} messages`);
  }
}
