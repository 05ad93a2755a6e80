/**
 * The few MQTT 3.1.1 packets that a publishing device needs. Written by hand because a fleet shares two cores
 * with the server it loads; the full codec belongs to the server.
 */
const CONNECT = 0x10;
const CONNACK = 0x20;
const PUBLISH_QOS1 = 0x32;
const PUBACK = 0x40;
export const PINGREQ = Buffer.from([0xc0, 0]);
export const DISCONNECT = Buffer.from([0xe0, 0]);
/** User name, password, clean session [MQTT-3.1.2]. */
const CONNECT_FLAGS = 0xc2;
const PROTOCOL = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 4]);

export interface Login {
  readonly clientId: string;
  readonly username: string;
  readonly password: string;
  readonly keepAliveS: number;
}

export function connectPacket(login: Login): Buffer {
  const keepAlive = Buffer.from([CONNECT_FLAGS, login.keepAliveS >>> 8, login.keepAliveS & 0xff]);
  const fields = [login.clientId, login.username, login.password].map(textField);
  const body = Buffer.concat([PROTOCOL, keepAlive, ...fields]);
  return Buffer.concat([Buffer.from([CONNECT]), remainingLength(body.length), body]);
}

/** `topic` as `textField` gives it: encoded once per device. */
export function publishPacket(topic: Buffer, packetId: number, payload: string): Buffer {
  const size = topic.length + 2 + Buffer.byteLength(payload);
  const length = remainingLength(size);
  const packet = Buffer.allocUnsafe(1 + length.length + size);
  packet[0] = PUBLISH_QOS1;
  length.copy(packet, 1);
  let at = 1 + length.length;
  at += topic.copy(packet, at);
  at = packet.writeUInt16BE(packetId, at);
  packet.write(payload, at);
  return packet;
}

/** UTF-8 with its length in front [MQTT-1.5.3]. */
export function textField(text: string): Buffer {
  const bytes = Buffer.from(text);
  const field = Buffer.allocUnsafe(2 + bytes.length);
  field.writeUInt16BE(bytes.length, 0);
  bytes.copy(field, 2);
  return field;
}

/** Seven bits a byte, low ones first [MQTT-2.2.3]. */
function remainingLength(size: number): Buffer {
  const bytes: number[] = [];
  let rest = size;
  do {
    const more = rest > 0x7f ? 0x80 : 0;
    bytes.push((rest & 0x7f) | more);
    rest >>>= 7;
  } while (rest > 0);
  return Buffer.from(bytes);
}

export interface Answers {
  /** CONNACK with its return code, 0 = accepted [MQTT-3.2.2-3]. */
  connected(code: number): void;
  acknowledged(packetId: number): void;
}

/** Reads what a server sends to a device that never subscribes: packets of two or four bytes. */
export class AnswerReader {
  readonly #answers: Answers;
  #rest: Buffer = Buffer.alloc(0);

  constructor(answers: Answers) {
    this.#answers = answers;
  }

  /** False when the bytes are no MQTT; the connection is of no use any more. */
  push(chunk: Buffer): boolean {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= 2) {
      const type = (bytes[at] ?? 0) & 0xf0;
      const size = bytes[at + 1] ?? 0;
      if (size > 2) return false;
      if (bytes.length - at < 2 + size) break;
      if (type === PUBACK && size === 2) this.#answers.acknowledged(bytes.readUInt16BE(at + 2));
      if (type === CONNACK && size === 2) this.#answers.connected(bytes[at + 3] ?? 0);
      at += 2 + size;
    }
    this.#rest = bytes.subarray(at);
    return true;
  }
}
