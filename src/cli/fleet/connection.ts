import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { FLEET_INFLIGHT_PER_DEVICE_MAX, MQTT_INFLIGHT_MAX } from '../../base/limits.ts';
import type { Random } from '../../base/random.ts';
import { problem } from '../../model/errors.ts';
import { telemetryTopic } from '../../model/topics.ts';
import type { BrokerAddress } from '../broker.ts';
import { AnswerReader, connectPacket, DISCONNECT, PINGREQ, publishPacket, textField } from './wire.ts';

/** What the connections of a fleet add up to. */
interface Traffic {
  acked: number;
  inFlight: number;
  /** Messages sent a second time because their connection broke before the acknowledgement. */
  resent: number;
  reconnects: number;
  connected: number;
  /** Milliseconds from sending to the acknowledgement. */
  onAck(latencyMs: number): void;
}

export interface ConnectionOptions {
  readonly id: string;
  readonly token: string;
  readonly broker: BrokerAddress;
  readonly traffic: Traffic;
  readonly clock: Clock;
  readonly random: Random;
}

interface Pending {
  readonly packet: Buffer;
  readonly sentAt: number;
}

const KEEP_ALIVE_S = 60;
const CONNECT_TIMEOUT_MS = 10_000;
const RECONNECT = { initialMs: 200, maxMs: 5_000 } as const;
const NAGLE_OFF = true;

/**
 * A publishing device: MQTT 3.1.1 over TCP or TLS, QoS 1, nothing received but acknowledgements. A connection
 * that breaks is made again, and what was not acknowledged is sent again.
 */
export class FleetConnection {
  readonly #options: ConnectionOptions;
  readonly #topic: Buffer;
  readonly #pending = new Map<number, Pending>();
  #socket: Socket | undefined;
  #ready = false;
  #closing = false;
  #nextId = 0;
  #attempt = 0;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#topic = textField(telemetryTopic(options.id));
  }

  /** Connected, and its window not full. */
  get open(): boolean {
    return this.#ready && this.#pending.size < FLEET_INFLIGHT_PER_DEVICE_MAX;
  }

  /** The first connection. Throws `auth.invalid` or `server.unreachable`. */
  connect(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#dial(resolve, reject);
    return promise;
  }

  /** Sends one message; only while `open`. */
  publish(payload: string): void {
    const id = this.#freeId();
    const packet = publishPacket(this.#topic, id, payload);
    this.#pending.set(id, { packet, sentAt: this.#options.clock.monotonic() });
    this.#options.traffic.inFlight += 1;
    this.#socket?.write(packet);
  }

  /** Keeps an idle connection alive. */
  ping(): void {
    if (this.#ready) this.#socket?.write(PINGREQ);
  }

  close(): void {
    this.#closing = true;
    clearTimeout(this.#retry);
    const socket = this.#socket;
    // Whether the server closes its side or not, this one is done once the bytes are out.
    if (this.#ready) socket?.end(DISCONNECT, () => socket.destroy());
    else socket?.destroy();
  }

  #dial(accepted: () => void, refused: (cause: Error) => void): void {
    const { broker, id, token } = this.#options;
    const { host, port, ca } = broker;
    const socket = broker.tls
      ? connectTls({ host, port, ...(ca === undefined ? {} : { ca }) })
      : connectTcp({ host, port });
    const reader = new AnswerReader({
      connected: (code) => {
        if (code === 0) this.#opened(socket, accepted);
        else refused(problem('auth.invalid', `MQTT refused device ${id} (return code ${code})`));
        if (code !== 0) socket.destroy();
      },
      acknowledged: (packetId) => this.#acknowledged(packetId),
    });
    let reason = 'closed by the server';
    this.#socket = socket;
    socket.setNoDelay(NAGLE_OFF);
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => {
      reason = 'no answer in time';
      socket.destroy();
    });
    socket.on(broker.tls ? 'secureConnect' : 'connect', () => {
      socket.write(connectPacket({ clientId: id, username: id, password: token, keepAliveS: KEEP_ALIVE_S }));
    });
    socket.on('data', (chunk: Buffer) => {
      if (!reader.push(chunk)) socket.destroy();
    });
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      reason = cause.message || String(cause.code);
    });
    socket.on('close', () => {
      refused(problem('server.unreachable', `MQTT at ${host}:${port}: ${reason}`));
      this.#closed(socket);
    });
  }

  #opened(socket: Socket, accepted: () => void): void {
    const { traffic } = this.#options;
    socket.setTimeout(0);
    this.#ready = true;
    this.#attempt = 0;
    traffic.connected += 1;
    traffic.resent += this.#pending.size;
    for (const { packet } of this.#pending.values()) socket.write(packet);
    accepted();
  }

  #closed(socket: Socket): void {
    if (socket !== this.#socket) return;
    const wasReady = this.#ready;
    this.#ready = false;
    this.#socket = undefined;
    if (wasReady) this.#options.traffic.connected -= 1;
    // A first connection that fails is the caller's affair.
    if (this.#closing || (!wasReady && this.#attempt === 0)) return;
    this.#reconnect();
  }

  #reconnect(): void {
    const delay = backoffMs(this.#attempt, RECONNECT, this.#options.random);
    this.#attempt += 1;
    this.#options.traffic.reconnects += 1;
    this.#retry = setTimeout(
      () =>
        this.#dial(
          () => undefined,
          () => undefined,
        ),
      delay,
    );
  }

  #acknowledged(packetId: number): void {
    const pending = this.#pending.get(packetId);
    if (pending === undefined) return;
    this.#pending.delete(packetId);
    const { traffic, clock } = this.#options;
    traffic.acked += 1;
    traffic.inFlight -= 1;
    traffic.onAck(clock.monotonic() - pending.sentAt);
  }

  /** 1..65535, none that waits for its acknowledgement [MQTT-2.3.1-1, 2.3.1-2]. */
  #freeId(): number {
    do this.#nextId = (this.#nextId % MQTT_INFLIGHT_MAX) + 1;
    while (this.#pending.has(this.#nextId));
    return this.#nextId;
  }
}
