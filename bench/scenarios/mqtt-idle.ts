import type { Socket } from 'node:net';
import { pause } from '../../test/support/server.ts';
import { type Broker, deviceNames, type StartBroker } from '../harness/broker.ts';
import { everyBroker } from '../harness/peers.ts';
import { usageOf } from '../harness/processes.ts';
import { quietClient } from '../harness/quiet-client.ts';
import { type BenchContext, type Measurement, type Scenario, UnavailableError } from '../harness/scenario.ts';

const CONNECTIONS = 10_000;
/** Connected before the first look, so that what a broker loads once is not counted as theirs. */
const FIRST = 200;
const AT_ONCE = 50;
/** Until garbage of the handshakes is collected. */
const SETTLE_MS = 8_000;

export const scenario: Scenario = {
  name: 'mqtt-idle',
  description:
    '10,000 connections of 50 devices that are authenticated and then silent: resident memory of each',
  async run(context) {
    const rows: Measurement[] = [];
    for (const [index, start] of everyBroker(context).entries())
      rows.push(await idle(context, start, context.folder(`broker-${index}`)));
    return rows;
  },
};

async function idle(context: BenchContext, start: StartBroker, folder: string): Promise<Measurement> {
  const count = context.scaled(CONNECTIONS);
  await using broker = await start(folder);
  const sockets: Socket[] = [];
  try {
    await connectMore(broker, sockets, FIRST);
    await pause(SETTLE_MS / 4);
    const before = usageOf(broker.pid);
    await connectMore(broker, sockets, FIRST + count);
    await pause(SETTLE_MS);
    const after = usageOf(broker.pid);
    const alive = sockets.filter((socket) => !socket.destroyed).length;
    if (alive !== sockets.length)
      throw new Error(`${broker.name} kept ${alive} of ${sockets.length} clients`);
    context.say(
      `${broker.name}: ${before.rssMiB.toFixed(0)} MiB before, ${after.rssMiB.toFixed(0)} MiB after`,
    );
    return {
      what: broker.name,
      value: ((after.rssMiB - before.rssMiB) * 1024) / count,
      unit: 'KiB each',
      asked: broker.name === 'Sensorium' ? { atMost: 8 } : undefined,
      note: `${count} connections; the kernel's socket buffers not counted`,
    };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

async function connectMore(broker: Broker, sockets: Socket[], total: number): Promise<void> {
  const { port, passwords } = broker.target;
  while (sockets.length < total) {
    const first = sockets.length;
    const group = Array.from({ length: Math.min(AT_ONCE, total - first) }, async (_, index) => {
      const device = (first + index) % deviceNames.length;
      const username = deviceNames[device] ?? '';
      const password = passwords[device] ?? '';
      return await quietClient({ port, username, password, clientId: `${username}-${first + index}` });
    });
    sockets.push(...(await Promise.all(group).catch(refused)));
  }
}

function refused(cause: unknown): never {
  if (cause instanceof Error && 'code' in cause && cause.code === 'EMFILE')
    throw new UnavailableError(`the system allows too few open files (ulimit -n)`, { cause });
  throw cause;
}
