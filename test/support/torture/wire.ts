/**
 * One MQTT connection of a torture client: packets out, packets in, and the moment it ended. Keeps nothing: what must
 * outlive a connection belongs to the client that opened it.
 */
import { connect, type Socket } from 'node:net';
import { generate, type IConnackPacket, type Packet, parser } from 'mqtt-packet';

export type Version = 4 | 5;

/** Long enough for a server that starts on a busy machine; a broker that never answers is a fault to report. */
const CONNACK_TIMEOUT_MS = 10_000;
/** So that the server keeps the session for as long as any run lasts. */
const SESSION_EXPIRY_S = 86_400;

export interface Account {
  readonly username: string;
  readonly password: string;
}

interface WireOptions {
  readonly port: number;
  readonly version: Version;
  readonly clientId: string;
  readonly account: Account;
  readonly receiveMaximum?: number;
  readonly onPacket: (packet: Packet) => void;
  readonly onClose: () => void;
}

export class Wire {
  readonly #socket: Socket;
  readonly #version: Version;
  readonly #held: Buffer[] = [];
  isClosed = false;

  private constructor(socket: Socket, version: Version) {
    this.#socket = socket;
    this.#version = version;
  }

  /** Opens a kept session; undefined when the connection ends before its CONNACK, as it does in a killed server. */
  static async open(options: WireOptions): Promise<{ wire: Wire; connack: IConnackPacket } | undefined> {
    const { port, version, onPacket, onClose } = options;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const wire = new Wire(socket, version);
    const packets = parser({ protocolVersion: version });
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => packets.parse(chunk));
    return await new Promise((done) => {
      const tooLate = setTimeout(() => socket.destroy(), CONNACK_TIMEOUT_MS);
      packets.on('error', () => socket.destroy());
      packets.on('packet', (packet) => {
        if (packet.cmd !== 'connack') {
          if (!wire.isClosed) onPacket(packet);
          return;
        }
        clearTimeout(tooLate);
        done({ wire, connack: packet });
      });
      socket.once('close', () => {
        clearTimeout(tooLate);
        done(undefined);
        // A client that dropped the connection itself may have the next one already.
        if (wire.isClosed) return;
        wire.isClosed = true;
        onClose();
      });
      socket.once('connect', () => wire.send(connectPacket(options)));
    });
  }

  /** Leaves with all that is sent in the same turn: one write. */
  send(packet: Packet): void {
    if (this.isClosed) return;
    if (this.#held.length === 0) setImmediate(() => this.#flush());
    this.#held.push(generate(packet, { protocolVersion: this.#version }));
  }

  /** As a cut cable would: nothing more is read or written. */
  drop(): void {
    this.isClosed = true;
    this.#socket.destroy();
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#held.splice(0));
    if (!this.isClosed) this.#socket.write(bytes);
  }
}

function connectPacket(options: WireOptions): Packet {
  const { version, clientId, account, receiveMaximum } = options;
  const kept = { sessionExpiryInterval: SESSION_EXPIRY_S };
  const properties = receiveMaximum === undefined ? kept : { ...kept, receiveMaximum };
  return {
    cmd: 'connect',
    protocolId: 'MQTT',
    protocolVersion: version,
    clean: false,
    keepalive: 0,
    clientId,
    username: account.username,
    password: Buffer.from(account.password),
    ...(version === 5 ? { properties } : {}),
  };
}
