import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MQTT_SWEEP_MS } from '../../src/base/limits.ts';
import { campaign } from '../../src/communication/mqtt/fuzz/campaign.fuzz.ts';
import { startTarget } from '../../src/communication/mqtt/fuzz/target.fuzz.ts';
import type { Scenario } from '../harness/scenario.ts';

const PACKETS = 10_000_000;
/** Until everything that is made once is made: caches full, code compiled. */
const WARM_UP_SHARE = 0.1;
/** Sessions are forgotten after so many packets: their number is bounded, and clients beyond it would be turned away. */
const ROUND_PACKETS = 500_000;
const GROWTH_MAX_PERCENT = 5;
/** The server lets go at its sweeps: of lingering sockets at once, of messages copied out of the log at every fourth. */
const SETTLE_SWEEPS = 6;

export const scenario: Scenario = {
  name: 'mqtt-fuzz',
  description: 'damaged and odd packet sequences over TCP and WebSocket; FUZZ_SEED and FUZZ_PACKETS replay',
  async run(context) {
    const seed = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
    const packets = Number(process.env['FUZZ_PACKETS'] ?? context.scaled(PACKETS));
    context.say(`seed ${seed}`);
    const collect = garbageCollector();
    await using target = await startTarget();
    const { ports, tick } = target;
    const memory = async (): Promise<number> => {
      await target.forget();
      await collect();
      const { heapUsed, external } = process.memoryUsage();
      return (heapUsed + external) / 1_048_576;
    };
    const warmUp = await campaign({ seed, packets: packets * WARM_UP_SHARE, ports, tick });
    const before = await memory();
    const begun = performance.now();
    const report = { clients: 0, sent: 0, received: 0 };
    const findings = [...warmUp.findings];
    while (report.sent < packets && findings.length === 0) {
      const round = Math.min(ROUND_PACKETS, packets - report.sent);
      const first = 2 * (warmUp.clients + report.clients);
      const {
        clients,
        sent,
        received,
        findings: found,
      } = await campaign({ seed, first, packets: round, ports, tick });
      report.clients += clients;
      report.sent += sent;
      report.received += received;
      findings.push(...found);
      await target.forget();
      context.say(`${report.clients} clients, ${report.sent} packets`);
    }
    const tookS = (performance.now() - begun) / 1_000;
    const after = await memory();
    for (const finding of findings) context.say(finding);
    return [
      { what: 'packets sent', value: report.sent, unit: '', note: `${report.clients} clients, seed ${seed}` },
      { what: 'packets received', value: report.received, unit: '' },
      { what: 'rate, generator and server in one process', value: report.sent / tookS, unit: 'packets/s' },
      { what: 'findings', value: findings.length, unit: '', asked: { atMost: 0 } },
      { what: 'sessions left', value: target.sessions, unit: '', asked: { atMost: 0 } },
      {
        what: 'memory grown',
        value: ((after - before) / before) * 100,
        unit: '%',
        asked: { atMost: GROWTH_MAX_PERCENT },
        note: `heap and buffers ${before.toFixed(1)} → ${after.toFixed(1)} MiB`,
      },
    ];
  },
};

/** Without a flag on the command line. */
function garbageCollector(): () => Promise<void> {
  setFlagsFromString('--expose_gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect !== 'function') throw new Error('no garbage collector to call');
  return async () => {
    for (let sweep = 0; sweep < SETTLE_SWEEPS; sweep += 1) {
      await new Promise((done) => setTimeout(done, MQTT_SWEEP_MS));
      Reflect.apply(collect, undefined, []);
    }
  };
}
