/**
 * Many fuzzing clients at once against one server, all from one seed: what each client says depends on the seed and its
 * number alone. Now and then a well-behaved client makes sure that the server still serves.
 */
import { type Random, seededRandom } from '../../../base/random.ts';
import {
  connectPacket,
  puback,
  publishPacket,
  RawClient,
  readPublish,
  subscribePacket,
} from '../test-client.ts';
import { type ClientReport, FuzzClient, type Ports } from './client.fuzz.ts';

const CLIENTS_AT_ONCE = 64;
/** Clients between two looks at the server. */
const CHECK_INTERVAL = 500;
const FINDINGS_MAX = 20;
/** Far apart in the generator's sequence. */
const CLIENT_STRIDE = 0x9e3779b1;

interface CampaignOptions {
  readonly seed: number;
  /** The number of the first client: to begin where another run ended. */
  readonly first?: number;
  /** Stops after so many packets have been sent. */
  readonly packets: number;
  readonly ports: Ports;
  /** After each client: time passes for the server. */
  readonly tick: () => void;
}

export interface CampaignReport {
  readonly clients: number;
  readonly sent: number;
  readonly received: number;
  readonly findings: readonly string[];
}

export async function campaign(options: CampaignOptions): Promise<CampaignReport> {
  const { seed, packets, ports, tick, first = 0 } = options;
  const totals = { clients: 0, sent: 0, received: 0 };
  const findings: string[] = [];
  const find = (text: string): void => {
    if (findings.length < FINDINGS_MAX) findings.push(`seed ${seed}: ${text}`);
  };
  const running = new Set<number>();
  const onError = (cause: unknown): void => {
    find(`clients ${[...running].join(', ')}: ${cause instanceof Error ? cause.stack : String(cause)}`);
  };
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', onError);
  let next = first;
  const one = async (): Promise<void> => {
    while (totals.sent < packets && findings.length < FINDINGS_MAX) {
      const number = next;
      next += 1;
      running.add(number);
      const report: ClientReport = await new FuzzClient(randomOf(seed, number)).run(ports);
      running.delete(number);
      totals.clients += 1;
      totals.sent += report.sent;
      totals.received += report.received;
      for (const text of report.unreadable)
        find(`client ${number}: the server sent what nobody can read: ${text}`);
      tick();
      if (totals.clients % CHECK_INTERVAL !== 0) continue;
      await serves(ports.tcp).catch((cause: unknown) => find(`after client ${number}: ${String(cause)}`));
    }
  };
  try {
    await Promise.all(Array.from({ length: CLIENTS_AT_ONCE }, one));
    await serves(ports.tcp).catch((cause: unknown) => find(`at the end: ${String(cause)}`));
  } finally {
    process.off('uncaughtException', onError);
    process.off('unhandledRejection', onError);
  }
  return { ...totals, findings };
}

const randomOf = (seed: number, client: number): Random =>
  seededRandom((seed + Math.imul(client, CLIENT_STRIDE)) >>> 0);

/** A client that does everything right gets everything right. */
async function serves(port: number): Promise<void> {
  const client = await RawClient.dial(port);
  try {
    const topic = 'v1/well/behaved';
    client.send(connectPacket('admin', { clientId: 'well-behaved' }), subscribePacket(1, { [topic]: 1 }));
    const answers = [await client.nextHex(), await client.nextHex()];
    client.send(publishPacket(topic, 'hello', { qos: 1, messageId: 2 }));
    const received = [await client.next(), await client.next()];
    const message = received.find(({ header }) => header >> 4 === 3);
    const { payload, id } = message === undefined ? { payload: 'nothing', id: 0 } : readPublish(message);
    client.send(puback(id));
    const isAcknowledged = received.some(({ hex }) => hex === '40020002');
    if (answers.join() !== '20020000,9003000101' || payload !== 'hello' || !isAcknowledged)
      throw new Error(`not served: ${answers.join()} ${received.map(({ hex }) => hex).join()}`);
  } finally {
    client.destroy();
  }
}
