/**
 * One client, from accept to the end of its link: life cycle, order of packets, time limits, back-pressure. Inbound
 * messages are the publisher's, outbound ones the session's; what concerns more than this client is the host's.
 */
import { MQTT_TOPIC_ALIAS_MAX, MQTT_UNACKNOWLEDGED_MAX } from '../../../base/limits.ts';
import { type Principal, principalKey, type TopicPolicy } from '../../../model/ports/security.ts';
import type { DisconnectReason } from '../../../model/presence.ts';
import { type ConnectPacket, parseConnect } from '../codec/connect.ts';
import { Framing } from '../codec/framing.ts';
import { type Fault, isFault, REASON } from '../codec/reason.ts';
import { parseAuth, parseDisconnect } from '../codec/session-packets.ts';
import type { ProtocolVersion } from '../codec/version.ts';
import { auth, PINGRESP } from '../codec/write.ts';
import type { Session } from '../session/session.ts';
import type { Accepted, Link, ListenerName } from '../transport/link.ts';
import { ClientReceiver } from './client-receiver.ts';
import type { Admission, ConnectionHost, Ending } from './connection-host.ts';
import { Deadlines } from './deadlines.ts';
import { Handshake, type Step } from './handshake.ts';
import { farewell, REASON_OF, rejection } from './last-words.ts';
import { Outbox } from './outbox.ts';
import { headerFault, RULES } from './packet-rules.ts';
import { Publisher } from './publisher.ts';
import { PAUSE, Reading } from './reading.ts';
import { Subscriber } from './subscriber.ts';
import { Throttle } from './throttle.ts';
import { welcomeOf } from './welcome.ts';

/** While more than this of a packet is missing, its bytes count as a sign of life: slow links carry large messages. */
const LARGE_MISSING_BYTES = 1_000;

const fault = (reason: number, why: string): Fault => ({ fault: reason, why });

export class Connection {
  readonly address: string;
  readonly listener: ListenerName;
  readonly openedAt: number;
  /** When its CONNECT came, among all. */
  connectOrder = 0;
  readonly #link: Link;
  readonly #host: ConnectionHost;
  readonly #framing: Framing;
  readonly #outbox: Outbox;
  readonly #publisher: Publisher;
  readonly #handshake: Handshake;
  readonly #reading: Reading;
  readonly #throttle: Throttle;
  readonly #deadlines: Deadlines;
  #state: 'new' | 'authenticating' | 'exchanging' | 'open' | 'closed' = 'new';
  #connect: ConnectPacket | undefined;
  #version: ProtocolVersion = 4;
  #session: Session | undefined;
  #subscriber: Subscriber | undefined;
  #principal: Principal | undefined;
  /** What the packet being judged by its header alone is refused for. */
  #headerFault: Fault | undefined;
  /** Principals whose rights ended while we asked who this is. */
  #revokedMeanwhile: Set<string> | undefined;

  constructor(options: {
    readonly accepted: Accepted;
    /** Known beforehand: a part of this server that speaks MQTT with it. */
    readonly principal?: Principal | undefined;
    readonly host: ConnectionHost;
  }) {
    const { accepted, host } = options;
    const { socket: link, address, listener, certificateName } = accepted;
    this.#link = link;
    this.address = address;
    this.listener = listener;
    this.#host = host;
    this.#principal = options.principal;
    this.#outbox = new Outbox({ link, turn: host.turn, onRoom: () => this.#session?.pump() });
    this.#publisher = new Publisher({
      sink: host.sink,
      outbox: this.#outbox,
      close: () => this.close('network', REASON.unspecified),
      refused: (refusal) => host.faulty(refusal),
    });
    this.#reading = new Reading(link, () => {
      this.#deadlines.alive(this.#host.monotonic());
    });
    this.#handshake = new Handshake(host.security, { address, certificateName });
    this.#framing = new Framing(
      (header, chunk, start, end) => this.#packet(header, chunk, start, end),
      (header) => this.#mayCome(header),
    );
    this.#deadlines = new Deadlines(host.monotonic());
    this.openedAt = host.now();
    this.#throttle = new Throttle(host.monotonic());
    link.on('data', (chunk: Buffer) => this.#read(chunk));
    link.on('drain', () => this.#drained());
    link.on('error', () => link.destroy());
    link.on('close', () => {
      this.close('network');
      host.gone(this);
    });
    link.resume();
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get session(): Session | undefined {
    return this.#session;
  }

  get version(): ProtocolVersion {
    return this.#version;
  }

  get keepAliveS(): number {
    return this.#deadlines.keepAliveS;
  }

  destroy(): void {
    this.#link.destroy();
  }

  /** Closes what is overdue: the CONNECT, a sign of life [MQTT-3.1.2-22], rights, the end of the link. */
  checkTime(): void {
    const now = this.#host.monotonic();
    const deadlines = this.#deadlines;
    if (this.#state === 'closed') {
      if (deadlines.isLinkLate(now)) this.#link.destroy();
    } else if (this.#state !== 'open') {
      if (deadlines.isConnectLate(now)) this.close('protocol-error');
    } else if (this.#host.now() >= (this.#principal?.expiresAt ?? Number.POSITIVE_INFINITY)) {
      this.close('kicked', REASON.notAuthorized);
    } else if (!this.#reading.isHeldByUs && deadlines.isSilent(now)) {
      this.close('keep-alive');
    }
  }

  /**
   * Ends the protocol at once, and the link when what was written has left. Version 5 is told why [MQTT-4.13.1-1];
   * `said` is its reason where the general one is not exact enough.
   */
  close(reason: DisconnectReason, said = REASON_OF[reason], why?: string): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.isOpen;
    const isTold = wasOpen && this.#version === 5 && said !== undefined;
    const lastWords = isTold ? farewell(said, why, this.#connect?.maximumPacketSize) : undefined;
    this.#end({ reason, sendsWill: wasOpen && reason !== 'clean', expiryS: undefined }, lastWords);
  }

  revoked(principal: string): void {
    if (this.#state === 'authenticating' || this.#state === 'exchanging')
      (this.#revokedMeanwhile ??= new Set()).add(principal);
    if (this.#principal !== undefined && principalKey(this.#principal) === principal)
      this.close('kicked', REASON.notAuthorized);
  }

  policyChanged(policy: TopicPolicy): void {
    this.#publisher.policyChanged(policy);
  }

  setCongested(isCongested: boolean): void {
    if (this.#state === 'open') this.#reading.congest(isCongested);
  }

  /** Reads nothing more; what is acknowledged until `close` still leaves. */
  quiesce(): void {
    this.#reading.pause(PAUSE.stopping);
  }

  /** Without a chunk: what was held back while the client was not known. */
  #read(chunk?: Buffer): void {
    if (this.#state === 'closed') return;
    const before = this.#framing.packets;
    this.#publisher.receivedAt = this.#host.now();
    const isSound =
      chunk !== undefined
        ? this.#framing.push(chunk)
        : this.#state === 'open'
          ? this.#framing.resume(this.#version === 5)
          : this.#framing.goOn();
    const packets = this.#framing.packets - before;
    if (packets > 0) this.#host.count(packets);
    if (!isSound) {
      const isTooLarge = this.#framing.fault === 'tooLarge';
      if (isTooLarge && this.#framing.isMessage) this.#publisher.tooLarge();
      this.#refuse(isTooLarge ? RULES.tooLarge : (this.#headerFault ?? RULES.badLength));
      return;
    }
    const now = this.#host.monotonic();
    if (packets > 0 || this.#framing.missingBytes > LARGE_MISSING_BYTES) this.#deadlines.alive(now);
    if (this.#outbox.isCrowded) this.#reading.pause(PAUSE.crowded);
    const waitMs = this.#throttle.take(packets, chunk?.length ?? 0, now);
    if (waitMs > 0) this.#reading.rest(waitMs);
  }

  /** False ends the reading. */
  #packet(header: number, chunk: Buffer, start: number, end: number): boolean {
    if (this.#state === 'closed') return false;
    if (!this.#mayCome(header)) return this.#refuse(this.#headerFault ?? RULES.badLength);
    const type = header >> 4;
    if (type === 3) this.#reading.publishes();
    const wrong =
      type === 3 ? this.#publisher.publish(header, chunk, start, end) : this.#handle(type, chunk, start, end);
    return wrong === undefined || this.#refuse(wrong);
  }

  /** Type and flags alone: CONNECT comes first and once [MQTT-3.1.0-1, MQTT-3.1.0-2], flags are as reserved [MQTT-2.1.3-1]. */
  #mayCome(header: number): boolean {
    const wrong = headerFault(header, this.#state, this.#version);
    if (wrong !== undefined) this.#headerFault = wrong;
    return wrong === undefined;
  }

  #handle(type: number, chunk: Buffer, start: number, end: number): Fault | undefined {
    switch (type) {
      case 1:
        return this.#connected(parseConnect(chunk, start, end));
      case 4:
      case 5:
      case 7:
        return this.#subscriber?.acknowledged(type, chunk, start, end);
      case 6:
        return this.#publisher.released(chunk, start, end);
      case 8:
        return this.#subscriber?.subscribe(chunk, start, end);
      case 10:
        return this.#subscriber?.unsubscribe(chunk, start, end);
      case 12:
        if (start !== end) return RULES.notEmpty;
        this.#outbox.send(PINGRESP);
        return undefined;
      case 14:
        return this.#disconnected(chunk, start, end);
      default:
        return this.#authenticated(chunk, start, end);
    }
  }

  #disconnected(chunk: Buffer, start: number, end: number): Fault | undefined {
    const packet = parseDisconnect(this.#version, chunk, start, end);
    if (isFault(packet)) return packet;
    const { reason, sessionExpiryS: expiryS } = packet;
    if ((expiryS ?? 0) > 0 && this.#connect?.sessionExpiryS === 0) return RULES.badExpiry;
    // Only a normal end discards the will [MQTT-3.14.4-3].
    const isClean = reason === REASON.success;
    this.#end({ reason: isClean ? 'clean' : 'network', sendsWill: !isClean, expiryS });
    return undefined;
  }

  #connected(packet: ReturnType<typeof parseConnect>): Fault | undefined {
    if (isFault(packet)) {
      this.#rejected(packet, packet.version);
      return packet;
    }
    this.#version = packet.version;
    this.#connect = packet;
    if (packet.version === 5 && !this.#framing.isMinimal) {
      this.#rejected(RULES.badLength, 5);
      return RULES.badLength;
    }
    this.#state = 'authenticating';
    this.connectOrder = this.#host.nextOrder();
    this.#deadlines.keepAliveS = packet.keepAliveS;
    const known = this.#principal;
    const who = known === undefined ? this.#handshake.begin(packet) : { principal: known, data: undefined };
    void this.#ask(who);
    return undefined;
  }

  #authenticated(chunk: Buffer, start: number, end: number): Fault | undefined {
    const packet = parseAuth(chunk, start, end);
    if (isFault(packet)) return packet;
    if (this.#state === 'exchanging') this.#state = 'authenticating';
    void this.#ask(this.#handshake.go(packet));
    return undefined;
  }

  /** Nothing more is read until the answer is known: what was sent behind CONNECT or AUTH waits. */
  async #ask(asked: Promise<Step | Fault> | Step): Promise<void> {
    this.#framing.suspend();
    this.#reading.pause(PAUSE.authenticating);
    const step = await asked;
    if (this.#state === 'open') this.#reauthenticated(step);
    else if (this.#state === 'authenticating') this.#answered(step);
  }

  #answered(step: Step | Fault): void {
    if (isFault(step)) {
      this.#rejected(step, this.#version);
      this.close('protocol-error');
    } else if (step.principal !== undefined) {
      this.#admit(step.principal, step.data);
    } else {
      this.#outbox.send(auth(REASON.continueAuthentication, this.#handshake.method ?? '', step.data));
      this.#state = 'exchanging';
      this.#readOn();
    }
  }

  #reauthenticated(step: Step | Fault): void {
    const { method = '' } = this.#handshake;
    if (isFault(step)) {
      this.#host.faulty(step);
      const isCredentials = step.fault === REASON.badCredentials;
      this.close('kicked', isCredentials ? REASON.notAuthorized : step.fault, step.why);
      return;
    }
    this.#principal = step.principal ?? this.#principal;
    const isDone = step.principal !== undefined;
    this.#outbox.send(auth(isDone ? REASON.success : REASON.continueAuthentication, method, step.data));
    this.#readOn();
  }

  #admit(principal: Principal, data: Uint8Array | undefined): void {
    const packet = this.#connect;
    if (packet === undefined) return;
    const isRevoked = this.#revokedMeanwhile?.has(principalKey(principal)) === true;
    const admission = isRevoked
      ? fault(REASON.notAuthorized, 'rights have just ended')
      : this.#host.admit(this, packet, principal);
    if (isFault(admission)) {
      this.#rejected(admission, this.#version);
      this.close('protocol-error');
    } else {
      this.#principal = principal;
      this.#session = admission.session;
      const welcome = (): void => this.#open(packet, admission, data);
      if (admission.mustBeStored) this.#host.whenStored(welcome);
      else welcome();
    }
  }

  #open(packet: ConnectPacket, { session, isPresent }: Admission, data: Uint8Array | undefined): void {
    if (this.#state !== 'authenticating') return;
    const welcome = welcomeOf(packet, session, isPresent, { method: this.#handshake.method, data });
    if (welcome === undefined) {
      this.#rejected(RULES.tooLarge, packet.version);
      this.close('protocol-error');
      return;
    }
    this.#state = 'open';
    this.#revokedMeanwhile = undefined;
    const { version, maximumPacketSize, topicAliasMaximum, receiveMaximum } = packet;
    this.#publisher.open(session, version);
    this.#subscriber = new Subscriber({
      host: this.#host,
      outbox: this.#outbox,
      session,
      version,
      maximumPacketSize,
      tooLarge: () => void this.#refuse(RULES.answerTooLarge),
    });
    this.#outbox.send(welcome);
    this.#host.opened(this, session);
    session.attach(
      new ClientReceiver({
        outbox: this.#outbox,
        version,
        window: Math.min(receiveMaximum, MQTT_UNACKNOWLEDGED_MAX),
        maximumPacketSize,
        topicAliasMaximum: Math.min(topicAliasMaximum, MQTT_TOPIC_ALIAS_MAX),
      }),
    );
    this.#readOn();
  }

  #rejected(refusal: Fault, version: ProtocolVersion | undefined): void {
    if (version === undefined || this.#state === 'open') return;
    const answer = rejection(refusal, version, this.#connect?.maximumPacketSize);
    if (answer !== undefined) this.#outbox.send(answer);
  }

  #refuse(wrong: Fault): false {
    if (this.#state === 'closed') return false;
    this.#host.faulty(wrong);
    if (this.#state === 'exchanging') this.#rejected(wrong, this.#version);
    this.close('protocol-error', wrong.fault, wrong.why);
    return false;
  }

  #end(ending: Ending, lastWords?: Buffer): void {
    this.#state = 'closed';
    this.#deadlines.closed(this.#host.monotonic());
    this.#publisher.end();
    this.#subscriber?.end();
    // First of all: what is still to be sent must not take the place of the last words.
    this.#host.closed(this, this.#session, ending);
    this.#outbox.finish(lastWords);
    this.#link.end();
    this.#reading.end();
  }

  #readOn(): void {
    this.#read();
    this.#reading.resume(PAUSE.authenticating);
  }

  #drained(): void {
    this.#outbox.flush();
    if (!this.#outbox.isCrowded) this.#reading.resume(PAUSE.crowded);
  }
}
