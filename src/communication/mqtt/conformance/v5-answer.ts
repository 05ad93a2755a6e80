/**
 * What the server sends, read strictly. `mqtt-packet` has the second opinion on every packet; the values are read here
 * because it keeps neither the order of properties nor the length of what it reads.
 */
import { type Packet, parser } from 'mqtt-packet';
import type { Received } from '../test-client.ts';
import {
  frame,
  type Kind,
  PROPERTIES,
  type Properties,
  type Property,
  type PropertyName,
  type Value,
} from './v5-packets.ts';

// biome-ignore format: the numbers 0 to 15 in two lines
const COMMANDS = [
  'reserved', 'connect', 'connack', 'publish', 'puback', 'pubrec', 'pubrel', 'pubcomp', 'subscribe', 'suback',
  'unsubscribe', 'unsuback', 'pingreq', 'pingresp', 'disconnect', 'auth',
] as const;
export type Command = (typeof COMMANDS)[number];

/** Throws what `mqtt-packet` has against it. */
function secondOpinion(received: Received): void {
  const faults: unknown[] = [];
  const packets: Packet[] = [];
  const reader = parser({ protocolVersion: 5 });
  reader.on('error', (fault: unknown) => faults.push(fault));
  reader.on('packet', (packet) => packets.push(packet));
  reader.parse(Buffer.from(received.hex, 'hex'));
  if (faults.length > 0 || packets.length !== 1)
    throw new Error(`the server sent ${received.hex}: ${faults.map(String).join() || 'not one packet'}`);
}

/** A packet of the server. What a kind of packet does not have is 0, '' or empty. */
export class Answer {
  readonly command: Command;
  readonly header: number;
  readonly hex: string;
  readonly sizeBytes: number;
  readonly topic: string = '';
  readonly id: number = 0;
  readonly code: number = 0;
  readonly codes: readonly number[] = [];
  readonly properties: Properties = [];
  readonly bytes: Buffer = Buffer.alloc(0);
  readonly isSessionPresent: boolean = false;

  constructor(received: Received) {
    secondOpinion(received);
    const shortest = frame(received.header, received.body).toString('hex');
    if (received.hex !== shortest)
      throw new Error(`length not at its shortest [MQTT-1.5.5-1]: ${received.hex}`);
    this.header = received.header;
    this.hex = received.hex;
    this.sizeBytes = received.hex.length / 2;
    this.command = COMMANDS[received.header >> 4] ?? 'reserved';
    const cursor = new Cursor(received.body);
    switch (this.command) {
      case 'connack':
        this.isSessionPresent = cursor.byte() === 1;
        this.code = cursor.byte();
        this.properties = cursor.block();
        break;
      case 'publish':
        this.topic = cursor.text().toString();
        if (this.qos > 0) this.id = cursor.u16();
        this.properties = cursor.block();
        this.bytes = cursor.rest();
        break;
      case 'suback':
      case 'unsuback':
        this.id = cursor.u16();
        this.properties = cursor.block();
        this.codes = [...cursor.rest()];
        break;
      case 'disconnect':
      case 'auth':
        if (cursor.left > 0) this.code = cursor.byte();
        if (cursor.left > 0) this.properties = cursor.block();
        break;
      case 'pingresp':
        break;
      default:
        this.id = cursor.u16();
        if (cursor.left > 0) this.code = cursor.byte();
        if (cursor.left > 0) this.properties = cursor.block();
    }
    if (cursor.left > 0) throw new Error(`bytes left over in ${received.hex}`);
  }

  get qos(): number {
    return (this.header >> 1) & 3;
  }

  get retain(): boolean {
    return (this.header & 1) !== 0;
  }

  get dup(): boolean {
    return (this.header & 8) !== 0;
  }

  get payload(): string {
    return this.bytes.toString();
  }

  /** The first of this name; binary as hexadecimal text. */
  get(name: PropertyName): Value | undefined {
    return this.all(name)[0];
  }

  all(name: PropertyName): readonly Value[] {
    return this.properties.flatMap(([other, value]) => (other === name ? [value] : []));
  }
}

/** Reads on, and throws where there is nothing left to read. */
class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(count: number): Buffer {
    if (count > this.left) throw new Error(`cut short: ${this.#bytes.toString('hex')}`);
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  rest(): Buffer {
    return this.take(this.left);
  }

  byte(): number {
    return this.take(1).readUInt8();
  }

  u16(): number {
    return this.take(2).readUInt16BE();
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte === 0 && factor > 1) throw new Error('integer not at its shortest [MQTT-1.5.5-1]');
      if (byte < 0x80) return value;
    }
  }

  text(): Buffer {
    return this.take(this.u16());
  }

  block(): Properties {
    const end = this.varint();
    const cursor = new Cursor(this.take(end));
    const found: Property[] = [];
    while (cursor.left > 0) found.push(cursor.#property());
    return found;
  }

  #property(): Property {
    const id = this.byte();
    const known = Object.entries(PROPERTIES).find(([, [code]]) => code === id);
    if (known === undefined) throw new Error(`property ${id}`);
    const name = known[0] as PropertyName;
    return [name, this.#value(known[1][1])];
  }

  #value(kind: Kind): Value {
    if (kind === 'byte') return this.byte();
    if (kind === 'u16') return this.u16();
    if (kind === 'u32') return this.take(4).readUInt32BE();
    if (kind === 'varint') return this.varint();
    if (kind === 'binary') return this.text().toString('hex');
    if (kind === 'string') return this.text().toString();
    return [this.text().toString(), this.text().toString()];
  }
}
