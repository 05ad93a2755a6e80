/**
 * One client, from accept to the end of its socket: life cycle, order of packets, time limits, back-pressure. The two
 * halves of its traffic are the publisher's and the subscriber's; what concerns more than this client is the host's.
 */
import type { Socket } from 'node:net';
import { MQTT_CONNECT_TIMEOUT_MS, MQTT_LINGER_MS } from '../../base/limits.ts';
import type { DisconnectReason } from '../../model/events.ts';
import { type Principal, principalKey, type TopicPolicy } from '../../model/ports/security.ts';
import { CONNACK, type ConnectPacket, parseConnect } from './codec/connect.ts';
import { Framing } from './codec/framing.ts';
import { connack, PINGRESP } from './codec/write.ts';
import { Outbox, type WriteTurn } from './outbox.ts';
import { type Fault, type MessageSink, Publisher } from './publisher.ts';
import { Subscriber, type SubscriptionHost } from './subscriber.ts';

export interface Session {
  readonly principal: Principal;
  /** One session at a time has it [MQTT-3.1.4-2]. */
  readonly key: string;
  readonly policy: TopicPolicy;
  readonly will: ConnectPacket['will'];
}

export interface ConnectionHost {
  /** Who is it? Or the CONNACK code that refuses. */
  authenticate(connection: Connection, packet: ConnectPacket): Promise<Principal | number>;
  /** Decides at once, and makes room: `taken-over` when a later CONNECT has the place already. */
  admit(connection: Connection, packet: ConnectPacket, principal: Principal): Session | number | 'taken-over';
  /** The client is in: told before its first packet is read. */
  opened(connection: Connection, session: Session): void;
  /** The protocol has ended. */
  closed(connection: Connection, session: Session | undefined, reason: DisconnectReason): void;
  /** The socket has ended. */
  gone(connection: Connection): void;
  /** Packets handled, or one that ended the connection. */
  count(status: 'ok' | Fault, packets: number): void;
  nextOrder(): number;
  now(): number;
  monotonic(): number;
}

/** Why the socket is not read; one bit each. */
const AUTHENTICATING = 1;
const CROWDED = 2;
const CONGESTED = 4;
const STOPPING = 8;
/** We ask the client to wait: its silence is our doing. */
const OURS = CONGESTED | STOPPING;

const CONNECT_HEADER = 0x10;
/** While more than this of a packet is missing, its bytes count as a sign of life: slow links carry large messages. */
const LARGE_MISSING_BYTES = 1_000;

/** CONNECT, PUBLISH, PUBACK, PUBREL, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT: all that a server that sends at QoS 1 expects. */
const FROM_CLIENTS: ReadonlySet<number> = new Set([1, 3, 4, 6, 8, 10, 12, 14]);

export class Connection {
  readonly socket: Socket;
  readonly address: string;
  readonly listener: 'mqtt' | 'mqtts';
  readonly certificateName: string | undefined;
  /** When its CONNECT came, among all. */
  connectOrder = 0;
  readonly #host: ConnectionHost;
  readonly #framing: Framing;
  readonly #outbox: Outbox;
  readonly #publisher: Publisher;
  readonly #subscriber: Subscriber;
  readonly #acceptedAt: number;
  #state: 'new' | 'authenticating' | 'open' | 'closed' = 'new';
  #session: Session | undefined;
  #isFirst = true;
  #aliveAt: number;
  #keepAliveMs = 0;
  #pauses = 0;
  #closedAt = 0;
  /** Principals whose rights ended while we asked who this is. */
  #revokedMeanwhile: Set<string> | undefined;

  constructor(options: {
    readonly socket: Socket;
    readonly listener: 'mqtt' | 'mqtts';
    readonly certificateName: string | undefined;
    readonly host: ConnectionHost;
    readonly broker: MessageSink & SubscriptionHost & { readonly turn: WriteTurn };
  }) {
    const { socket, host, broker } = options;
    this.socket = socket;
    this.address = socket.remoteAddress ?? '';
    this.listener = options.listener;
    this.certificateName = options.certificateName;
    this.#host = host;
    this.#outbox = new Outbox(socket, broker.turn);
    const close = (): void => this.close('network');
    this.#publisher = new Publisher({ sink: broker, outbox: this.#outbox, close });
    this.#subscriber = new Subscriber({ host: broker, outbox: this.#outbox });
    this.#framing = new Framing(
      (header, chunk, start, end) => this.#packet(header, chunk, start, end),
      (header) => this.#mayCome(header),
    );
    this.#acceptedAt = host.monotonic();
    this.#aliveAt = this.#acceptedAt;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('drain', () => this.#drained());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.close('network');
      host.gone(this);
    });
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get principal(): Principal | undefined {
    return this.#session?.principal;
  }

  /** Closes what is overdue: the CONNECT, a sign of life [MQTT-3.1.2-24], rights, the end of the socket. */
  checkTime(): void {
    const now = this.#host.monotonic();
    if (this.#state === 'closed') {
      if (now - this.#closedAt > MQTT_LINGER_MS) this.socket.destroy();
      return;
    }
    if (this.#state !== 'open') {
      if (now - this.#acceptedAt > MQTT_CONNECT_TIMEOUT_MS) this.close('protocol-error');
      return;
    }
    const expiresAt = this.#session?.principal.expiresAt;
    if (expiresAt !== undefined && this.#host.now() >= expiresAt) {
      this.close('kicked');
      return;
    }
    const isPatient = this.#keepAliveMs === 0 || (this.#pauses & OURS) !== 0;
    if (!isPatient && now - this.#aliveAt > this.#keepAliveMs * 1.5) this.close('keep-alive');
  }

  /** Ends the protocol at once, and the socket when what was written has left. */
  close(reason: DisconnectReason): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#closedAt = this.#host.monotonic();
    this.#publisher.end();
    this.#subscriber.end();
    this.#outbox.finish();
    this.socket.end();
    // Read on and throw away: closing on unread bytes would reset the connection, and our last words with it.
    this.#pauses = 0;
    this.socket.resume();
    this.#host.closed(this, this.#session, reason);
  }

  revoked(principal: string): void {
    if (this.#state === 'authenticating') (this.#revokedMeanwhile ??= new Set()).add(principal);
    const own = this.#session?.principal;
    if (own !== undefined && principalKey(own) === principal) this.close('kicked');
  }

  policyChanged(policy: TopicPolicy): void {
    this.#publisher.policyChanged(policy);
    this.#subscriber.policyChanged(policy);
  }

  setCongested(isCongested: boolean): void {
    if (this.#state !== 'open') return;
    if (isCongested) this.#pause(CONGESTED);
    else this.#resume(CONGESTED);
  }

  /** Reads nothing more; what is acknowledged until `close` still leaves. */
  quiesce(): void {
    if (this.#state !== 'closed') this.#pause(STOPPING);
  }

  #data(chunk: Buffer): void {
    if (this.#state === 'closed') return;
    // CONNECT comes first [MQTT-3.1.0-1]: whoever speaks another protocol need not be listened to.
    if (this.#isFirst && chunk[0] !== CONNECT_HEADER) {
      this.#refuse('malformed');
      return;
    }
    this.#isFirst = false;
    this.#read(chunk);
  }

  /** Without a chunk: what was held back while the client was not known. */
  #read(chunk?: Buffer): void {
    const before = this.#framing.packets;
    this.#publisher.receivedAt = this.#host.now();
    const isSound = chunk === undefined ? this.#framing.resume() : this.#framing.push(chunk);
    const packets = this.#framing.packets - before;
    if (packets > 0) this.#host.count('ok', packets);
    if (!isSound) {
      this.#refuse('malformed');
      return;
    }
    if (packets > 0 || this.#framing.missingBytes > LARGE_MISSING_BYTES)
      this.#aliveAt = this.#host.monotonic();
    if (this.#outbox.isCrowded) this.#pause(CROWDED);
  }

  /** False ends the reading. */
  #packet(header: number, chunk: Buffer, start: number, end: number): boolean {
    if (this.#state === 'closed') return false;
    if (!this.#mayCome(header)) return this.#refuse('malformed');
    const type = header >> 4;
    if (type === 3) {
      const fault = this.#publisher.publish(header, chunk, start, end);
      return fault === undefined || this.#refuse(fault);
    }
    return this.#handle(type, chunk, start, end) || this.#refuse('malformed');
  }

  /** Type and flags alone: CONNECT comes first and once [MQTT-3.1.0-1, MQTT-3.1.0-2], flags are as reserved [MQTT-2.2.2-2]. */
  #mayCome(header: number): boolean {
    const type = header >> 4;
    if ((this.#state === 'new') !== (type === 1)) return false;
    if (type === 3) return true;
    return (header & 0x0f) === (type === 6 || type === 8 || type === 10 ? 2 : 0) && FROM_CLIENTS.has(type);
  }

  /** False when malformed. */
  #handle(type: number, chunk: Buffer, start: number, end: number): boolean {
    switch (type) {
      case 1:
        return this.#connect(chunk, start, end);
      case 4: {
        const packetId = onlyPacketId(chunk, start, end);
        if (packetId !== 0) this.#subscriber.acknowledged(packetId);
        return packetId !== 0;
      }
      case 6: {
        const packetId = onlyPacketId(chunk, start, end);
        return packetId !== 0 && this.#publisher.release(packetId);
      }
      case 8:
        return this.#subscriber.subscribe(chunk, start, end);
      case 10:
        return this.#subscriber.unsubscribe(chunk, start, end);
      case 12:
        if (start === end) this.#outbox.send(PINGRESP);
        return start === end;
      case 14:
        // What follows is ignored.
        if (start === end) this.close('clean');
        return start === end;
      default:
        // Nothing else may come from a client to a server that sends at QoS 1 at most.
        return false;
    }
  }

  #connect(chunk: Buffer, start: number, end: number): boolean {
    const packet = parseConnect(chunk, start, end);
    if (packet === 'malformed') return false;
    if (typeof packet === 'number') {
      this.#outbox.send(connack(packet));
      return false;
    }
    this.#state = 'authenticating';
    this.connectOrder = this.#host.nextOrder();
    this.#keepAliveMs = packet.keepAliveS * 1_000;
    this.#framing.suspend();
    this.#pause(AUTHENTICATING);
    void this.#authenticate(packet);
    return true;
  }

  async #authenticate(packet: ConnectPacket): Promise<void> {
    const who = await this.#host.authenticate(this, packet).catch(() => CONNACK.unavailable);
    if (this.#state !== 'authenticating') return;
    const admission = this.#admission(packet, who);
    if (typeof admission === 'object') {
      this.#open(admission);
      return;
    }
    if (typeof admission === 'number') this.#outbox.send(connack(admission));
    this.close(admission === 'taken-over' ? 'taken-over' : 'protocol-error');
  }

  #admission(packet: ConnectPacket, who: Principal | number): ReturnType<ConnectionHost['admit']> {
    if (typeof who === 'number') return who;
    if (this.#revokedMeanwhile?.has(principalKey(who)) === true) return CONNACK.unauthorized;
    return this.#host.admit(this, packet, who);
  }

  #open(session: Session): void {
    const { principal, policy } = session;
    this.#session = session;
    this.#state = 'open';
    this.#revokedMeanwhile = undefined;
    this.#publisher.open(principal.kind === 'device' ? principal.id : `@${principal.id}`, policy);
    this.#subscriber.policyChanged(policy);
    this.#outbox.send(connack(CONNACK.accepted));
    this.#host.opened(this, session);
    this.#read();
    this.#resume(AUTHENTICATING);
  }

  #refuse(fault: Fault): false {
    if (this.#state !== 'closed') {
      this.#host.count(fault, 1);
      this.close('protocol-error');
    }
    return false;
  }

  #drained(): void {
    this.#outbox.flush();
    if (!this.#outbox.isCrowded) this.#resume(CROWDED);
    this.#subscriber.replay();
  }

  #pause(reason: number): void {
    if (this.#pauses === 0) this.socket.pause();
    this.#pauses |= reason;
  }

  #resume(reason: number): void {
    if ((this.#pauses & reason) === 0) return;
    this.#pauses &= ~reason;
    if (this.#pauses !== 0) return;
    this.#aliveAt = this.#host.monotonic();
    this.socket.resume();
  }
}

/** The id of a packet that has nothing else; 0 when malformed. */
const onlyPacketId = (chunk: Buffer, start: number, end: number): number =>
  end - start === 2 ? ((chunk[start] ?? 0) << 8) | (chunk[start + 1] ?? 0) : 0;
