/** Packets for the tests of the codec: bytes by hand, and by `mqtt-packet`, a second opinion. */
import * as fc from 'fast-check';
import { generate, type Packet, parser } from 'mqtt-packet';
import { Framing } from './framing.ts';
import { isFault, REASON } from './reason.ts';
import { fitsLimits, isTopicName } from './topics.ts';
import type { ProtocolVersion } from './version.ts';

/** What holds where the properties of a CONNECT are silent [3.1.2.11]. */
export const SILENT = {
  sessionExpiryS: 0,
  receiveMaximum: 65_535,
  maximumPacketSize: Number.POSITIVE_INFINITY,
  topicAliasMaximum: 0,
  wantsProblemInformation: true,
  wantsResponseInformation: false,
  authenticationMethod: undefined,
  authenticationData: undefined,
} as const;

// --- bytes by hand ---------------------------------------------------------------------------------------

/** Numbers are bytes. */
export type Piece = number | Uint8Array;

export const bytesOf = (...pieces: readonly Piece[]): Buffer =>
  Buffer.concat(pieces.map((piece) => (typeof piece === 'number' ? Buffer.from([piece]) : piece)));

export const u16 = (value: number): Buffer => Buffer.from([value >>> 8, value & 0xff]);

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A text, or any bytes, with its length in front. */
export const text = (value: string | Uint8Array): Buffer => {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return bytesOf(u16(bytes.length), bytes);
};

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 0x7f) | (rest > 127 ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** Pieces with their length in front: a property list, or the rest of a packet. */
export function sized(...pieces: readonly Piece[]): Buffer {
  const bytes = bytesOf(...pieces);
  return bytesOf(varint(bytes.length), bytes);
}

// --- reading ---------------------------------------------------------------------------------------------

/** Reads `body` from the middle of a chunk: what is around it must not matter. */
export function inChunk<T>(body: Uint8Array, read: (chunk: Buffer, start: number, end: number) => T): T {
  const chunk = bytesOf(0xff, 0xff, 0xff, body, Buffer.alloc(80, 0x61));
  return read(chunk, 3, 3 + body.length);
}

/** `malformed`, `protocolError`, … or `ok`: what a reader says, in one word. */
export function verdict(result: object): string {
  if (!isFault(result)) return 'ok';
  const name = Object.entries(REASON).find(([, reason]) => reason === result.fault)?.[0];
  return name ?? `unknown reason ${result.fault}`;
}

export interface Framed {
  readonly header: number;
  readonly body: Buffer;
}

/** The packets of a stream, each whole. */
export function framed(...chunks: readonly Buffer[]): Framed[] {
  const packets: Framed[] = [];
  const framing = new Framing((header, chunk, start, end) => {
    packets.push({ header, body: Buffer.from(chunk.subarray(start, end)) });
    return true;
  });
  framing.resume();
  for (const chunk of chunks) framing.push(chunk);
  return packets;
}

/** The rest of one whole packet. */
export function bodyOf(packet: Buffer): Buffer {
  const [first] = framed(packet);
  if (first === undefined) throw new Error('no whole packet');
  return first.body;
}

/** What `mqtt-packet` reads from one packet, or why it does not. */
export function theirs(version: ProtocolVersion, packet: Buffer): Packet | string {
  let result: Packet | string = 'nothing';
  let error: string | undefined;
  const parsing = parser({ protocolVersion: version });
  parsing.on('packet', (parsed) => {
    result = parsed;
  });
  parsing.on('error', (thrown: Error) => {
    error ??= thrown.message;
  });
  try {
    parsing.parse(packet);
  } catch (thrown) {
    // It throws where it reads behind the end of its buffer.
    error ??= String(thrown);
  }
  return error ?? result;
}

// --- anything sound --------------------------------------------------------------------------------------

/** Text that both sides may write: no U+0000, which we refuse [MQTT-1.5.4-2] and `mqtt-packet` lets pass. */
export const anyText = (minLength = 0): fc.Arbitrary<string> =>
  fc
    .string({ unit: 'grapheme', minLength, maxLength: 30 })
    .filter((value) => !value.includes('\0') && value.isWellFormed());

export const anyTopic = anyText(1).filter((topic) => isTopicName(topic) && fitsLimits(topic));
export const anyBytes = (minLength = 0): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength, maxLength: 300 }).map((value) => Buffer.from(value));
export const anyQos = fc.constantFrom(0 as const, 1 as const, 2 as const);
export const anyId = fc.integer({ min: 1, max: 65_535 });
export const anyU16 = fc.integer({ min: 0, max: 65_535 });
export const anyU32 = fc.integer({ min: 0, max: 0xffff_ffff });
export const anyVersion = fc.constantFrom(3 as const, 4 as const, 5 as const);

/** Levels with wildcards where they may stand, sometimes shared. */
export const anyFilter = fc
  .tuple(
    fc.option(fc.constantFrom('$share/g/', '$share/group two/')),
    fc.array(fc.constantFrom('a', 'b c', '', '+', '$SYS', 'é'), { minLength: 1, maxLength: 6 }),
    fc.option(fc.constantFrom('#', '/#')),
  )
  .map(([share, levels, end]) => (share ?? '') + (end === '#' ? '#' : levels.join('/') + (end ?? '')))
  .filter(
    (filter) => filter !== '' && !filter.endsWith('g/') && !filter.endsWith('two/') && fitsLimits(filter),
  );

/** Absent fields left out, as `mqtt-packet` wants it. */
export const present = <T extends object>(fields: T): Partial<T> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;

/** Sound packets with a few bytes changed: pure noise is refused at its first field and shows nothing. */
export const damaged = (packet: Buffer): fc.Arbitrary<Buffer> =>
  fc
    .array(fc.tuple(fc.integer({ min: 2, max: packet.length - 1 }), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 3,
    })
    .map((changes) => {
      const copy = Buffer.from(packet);
      for (const [at, byte] of changes) copy[at] = byte;
      return copy;
    });

// --- as `mqtt-packet` writes it ---------------------------------------------------------------------------

export const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

/** Names once each, so that an object has them in order: `mqtt-packet` takes no list. */
export const anyUserProperties = fc
  .uniqueArray(fc.tuple(anyText(1), anyText()), {
    maxLength: 3,
    selector: ([name]) => name,
    comparator: (a, b) => a === b,
  })
  .filter((list) => list.every(([name]) => !/^\d+$|^__proto__$/.test(name)));

export const userObject = (list: readonly (readonly [string, string])[]) =>
  list.length === 0 ? undefined : Object.fromEntries(list);

export const written = (version: ProtocolVersion, packet: object): Buffer =>
  generate(present(packet) as Packet, { protocolVersion: version });

export const anyPassed = fc.record({
  payloadFormat: maybe(fc.constantFrom(0 as const, 1 as const)),
  contentType: maybe(anyText()),
  responseTopic: maybe(anyTopic),
  correlationData: maybe(anyBytes()),
  userProperties: anyUserProperties,
});

export const passedForThem = (passed: typeof anyPassed extends fc.Arbitrary<infer T> ? T : never) => ({
  payloadFormatIndicator: passed.payloadFormat === undefined ? undefined : passed.payloadFormat === 1,
  contentType: passed.contentType,
  responseTopic: passed.responseTopic,
  correlationData: passed.correlationData,
  userProperties: userObject(passed.userProperties),
});
