import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../base/clock.ts';
import { FLEET_CATCH_UP_MAX_MS, FLEET_CONNECTS_IN_FLIGHT, FLEET_DRAIN_MAX_MS } from '../../base/limits.ts';
import type { Random } from '../../base/random.ts';
import type { BrokerAddress } from '../broker.ts';
import { inParallel } from '../parallel.ts';
import { FleetConnection } from './connection.ts';
import { type FaultShares, type MessageKind, READINGS_PER_MESSAGE, SimulatedDevice } from './generator.ts';
import { LatencyHistogram } from './latency.ts';
import { Pacer } from './pacer.ts';
import { Silence } from './silence.ts';

export interface FleetOptions {
  readonly members: readonly { readonly id: string; readonly token: string }[];
  readonly broker: BrokerAddress;
  readonly ratePerS: number;
  readonly shares: FaultShares;
  readonly dropout: number;
  readonly seed: number;
  readonly clock: Clock;
  /** For back-off only; what is sent comes from the seed. */
  readonly random: Random;
}

/** The end is the first of these. */
export interface RunBounds {
  readonly durationMs: number;
  readonly messages: number;
  readonly signal: AbortSignal;
  readonly onSecond: (report: FleetReport) => void;
}

/** Exact counts: sent = regular + late + duplicate + malformed = acked + unacked. */
export interface FleetReport {
  readonly devices: number;
  readonly connected: number;
  readonly sent: number;
  readonly acked: number;
  readonly unacked: number;
  readonly regular: number;
  readonly late: number;
  readonly duplicate: number;
  readonly malformed: number;
  /** Readings in what was sent well-formed: what history must hold when everything was acknowledged once. */
  readonly readings: number;
  /** Sent again after a lost connection: the server may have these twice. */
  readonly resent: number;
  readonly reconnects: number;
  readonly dropouts: number;
  /** Due by the rate, but never sent, because the fleet or the server was more than a second behind. */
  readonly writtenOff: number;
  readonly elapsedMs: number;
  readonly ratePerS: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number } | null;
}

interface Member {
  readonly connection: FleetConnection;
  readonly device: SimulatedDevice;
  readonly silence: Silence;
}

const TICK_MS = 5;
const REPORT_EVERY_MS = 1_000;
const PING_EVERY_MS = 20_000;
const DRAIN_TICK_MS = 10;

/** A fleet of simulated devices, each with its own connection, together at one rate. */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #members: readonly Member[];
  readonly #pacer: Pacer;
  readonly #latency = new LatencyHistogram();
  readonly #kinds: Record<MessageKind, number> = { regular: 0, late: 0, duplicate: 0, malformed: 0 };
  readonly #traffic = {
    acked: 0,
    inFlight: 0,
    resent: 0,
    reconnects: 0,
    connected: 0,
    onAck: (latencyMs: number): void => this.#latency.record(latencyMs),
  };
  #sent = 0;
  #turn = 0;
  #startedAt = 0;
  #elapsedMs = 0;

  constructor(options: FleetOptions) {
    const { seed, broker, clock, random, shares, dropout } = options;
    this.#options = options;
    this.#pacer = new Pacer({ ratePerS: options.ratePerS, catchUpMaxMs: FLEET_CATCH_UP_MAX_MS });
    this.#members = options.members.map(({ id, token }, index) => ({
      connection: new FleetConnection({ id, token, broker, clock, random, traffic: this.#traffic }),
      device: new SimulatedDevice({ seed, index, ...shares }),
      silence: new Silence({ seed, index, share: dropout }),
    }));
  }

  /** Connects every device. Throws `auth.invalid` or `server.unreachable`. */
  async connect(): Promise<void> {
    await inParallel(this.#members, FLEET_CONNECTS_IN_FLIGHT, ({ connection }) => connection.connect());
  }

  /** Sends until a bound is reached, then waits, for a bounded time, for the last acknowledgements. */
  async run(bounds: RunBounds): Promise<FleetReport> {
    const { clock } = this.#options;
    this.#startedAt = clock.monotonic();
    let nextReport = REPORT_EVERY_MS;
    let nextPing = PING_EVERY_MS;
    while (!bounds.signal.aborted && this.#sent < bounds.messages) {
      this.#elapsedMs = clock.monotonic() - this.#startedAt;
      if (this.#elapsedMs >= bounds.durationMs) break;
      this.#sendDue(bounds.messages);
      if (this.#elapsedMs >= nextReport) {
        bounds.onSecond(this.report());
        nextReport += REPORT_EVERY_MS;
      }
      if (this.#elapsedMs >= nextPing) {
        for (const { connection } of this.#members) connection.ping();
        nextPing += PING_EVERY_MS;
      }
      await sleep(TICK_MS);
    }
    await this.#drain();
    return this.report();
  }

  close(): void {
    for (const { connection } of this.#members) connection.close();
  }

  report(): FleetReport {
    const { regular, late, duplicate, malformed } = this.#kinds;
    const { acked, inFlight, resent, reconnects, connected } = this.#traffic;
    const [p50, p95, p99] = [0.5, 0.95, 0.99].map((quantile) => this.#latency.at(quantile));
    return {
      devices: this.#members.length,
      connected,
      sent: this.#sent,
      acked,
      unacked: inFlight,
      regular,
      late,
      duplicate,
      malformed,
      readings: (regular + late + duplicate) * READINGS_PER_MESSAGE,
      resent,
      reconnects,
      dropouts: this.#members.reduce((sum, { silence }) => sum + silence.count, 0),
      writtenOff: this.#pacer.writtenOff,
      elapsedMs: Math.round(this.#elapsedMs),
      ratePerS: this.#elapsedMs > 0 ? Math.round((this.#sent / this.#elapsedMs) * 1_000) : 0,
      latencyMs: p50 === undefined || p95 === undefined || p99 === undefined ? null : { p50, p95, p99 },
    };
  }

  #sendDue(messagesMax: number): void {
    const due = Math.min(this.#pacer.due(this.#elapsedMs), messagesMax - this.#sent);
    const nowMs = this.#options.clock.now();
    let issued = 0;
    while (issued < due) {
      const member = this.#nextReady();
      if (member === undefined) break;
      const { kind, payload } = member.device.next(nowMs);
      member.connection.publish(payload);
      this.#kinds[kind] += 1;
      issued += 1;
    }
    this.#pacer.issued(issued);
    this.#sent += issued;
  }

  /** The next device in turn that is on the air and may send; undefined when there is none. */
  #nextReady(): Member | undefined {
    const count = this.#members.length;
    for (let passed = 0; passed < count; passed += 1) {
      const member = this.#members[this.#turn];
      this.#turn = (this.#turn + 1) % count;
      if (member?.connection.open === true && !member.silence.isSilent(this.#elapsedMs)) return member;
    }
    return undefined;
  }

  async #drain(): Promise<void> {
    const { clock } = this.#options;
    const deadline = clock.monotonic() + FLEET_DRAIN_MAX_MS;
    while (this.#traffic.inFlight > 0 && clock.monotonic() < deadline) await sleep(DRAIN_TICK_MS);
  }
}
