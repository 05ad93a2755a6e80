import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { sensorium } from '../../test/support/command-line.ts';
import { PROJECT, pause, Server } from '../../test/support/server.ts';
import { FieldHost, noVirtualNetwork, VirtualNetwork } from '../../test/support/virtual-network.ts';
import { type BenchContext, type Measurement, type Scenario, UnavailableError } from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';

const ANNOUNCEMENTS = 20;
const WAIT_MS = 10_000;
/** Its scanners start within a second of the server, and ask the network once. */
const SETTLE_MS = 4_000;

interface Discovered {
  readonly time: string;
  readonly data: { readonly candidate: string; readonly scanner: string };
}

export const scenario: Scenario = {
  name: 'discovery',
  description: 'a host on the network announces itself by mDNS or SSDP: time until it is in the inbox',
  async run(context) {
    if (noVirtualNetwork !== undefined) throw new UnavailableError(noVirtualNetwork);
    await using network = new VirtualNetwork();
    const hosts = {
      mdns: await FieldHost.start(network, 'mdns'),
      ssdp: await FieldHost.start(network, 'ssdp'),
    };
    const options = { dataDir: context.folder('server'), flags: ['--discovery=mdns,ssdp'] };
    await using server = await Server.start({ ...options, within: network.inHub });
    await pause(SETTLE_MS);
    const told = await follow(server);
    try {
      const measurements: Measurement[] = [];
      for (const kind of ['mdns', 'ssdp'] as const)
        measurements.push(...(await measure({ kind, host: hosts[kind], server, told, context })));
      return measurements;
    } finally {
      const closed = once(told.child, 'close');
      told.child.kill();
      await closed;
      await server.stop();
    }
  },
};

interface Course {
  readonly kind: string;
  readonly host: FieldHost;
  readonly server: Server;
  readonly told: Told;
  readonly context: BenchContext;
}

/** The same host again and again: what is known of it is forgotten after each announcement. */
async function measure({ kind, host, server, told, context }: Course): Promise<readonly Measurement[]> {
  const delays: number[] = [];
  const rounds = Math.max(2, context.scaled(ANNOUNCEMENTS));
  for (let n = 0; n < rounds; n += 1) {
    const at = await host.announce(`${kind}-${n}`);
    const event = await told.next(kind);
    delays.push(Date.parse(event.time) - at);
    await sensorium(server, 'discover', 'forget', event.data.candidate);
  }
  return [
    {
      what: `${kind}: announcement to inbox, worst`,
      value: Math.max(...delays),
      unit: 'ms',
      asked: { atMost: 2_000 },
      note: `of ${rounds}; median ${median(delays)} ms`,
    },
  ];
}

interface Told {
  readonly child: ChildProcess;
  readonly next: (scanner: string) => Promise<Discovered>;
}

/** Events as a user would follow them, with the server's own times. */
async function follow(server: Server): Promise<Told> {
  const tail = ['tail', '--events', '--type', 'device.discovered', '--json', '--data-dir', server.dataDir];
  const command = [...server.within, process.execPath, join(PROJECT, 'src/main.ts'), ...tail];
  const [program = '', ...words] = command;
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await pause(1_000);
  const next = async (scanner: string): Promise<Discovered> => {
    const late = pause(WAIT_MS).then((): never => {
      throw new Error(`waited ${WAIT_MS} ms for ${scanner}`);
    });
    for (;;) {
      const line = await Promise.race([lines.next(), late]);
      if (line.done === true) throw new Error('the event stream ended');
      const event = JSON.parse(line.value) as Discovered;
      if (event.data.scanner === scanner) return event;
    }
  };
  return { child, next };
}
