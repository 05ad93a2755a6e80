/** Damage: to one packet, to the order of packets, and to how the stream is cut. */
import type { Random } from '../../../base/random.ts';
import { chance, pick, upTo } from './script.fuzz.ts';

/** Bytes at which readers turn: signs, length continuation, wildcards, the ends of ranges. */
const TURNING_POINTS = [0, 1, 2, 0x7f, 0x80, 0xff, 0x23, 0x2b, 0x2f, 0xc0, 0xed] as const;
const NOISE_MAX_BYTES = 64;
const LENGTHS = [
  [0],
  [1],
  [0x7f],
  [0x80, 0],
  [0x80, 1],
  [0xff, 0x7f],
  [0xff, 0xff, 0x3f],
  [0xff, 0xff, 0xff, 0x7f],
  [0x80, 0x80, 0x80, 0x80],
  [0xff, 0xff, 0xff, 0xff, 1],
] as const;

type Damage = (random: Random, packet: Buffer, before: Buffer) => readonly Buffer[];

const at = (random: Random, bytes: Buffer): number => upTo(random, Math.max(0, bytes.length - 1));

const DAMAGES: readonly Damage[] = [
  function flipBits(random, packet) {
    const copy = Buffer.from(packet);
    for (let flips = 1 + upTo(random, 3); flips > 0 && copy.length > 0; flips -= 1) {
      const index = at(random, copy);
      copy[index] = (copy[index] ?? 0) ^ (1 << upTo(random, 7));
    }
    return [copy];
  },
  function setByte(random, packet) {
    const copy = Buffer.from(packet);
    if (copy.length > 0) copy[at(random, copy)] = pick(random, TURNING_POINTS);
    return [copy];
  },
  (random, packet) => [packet.subarray(0, at(random, packet))],
  (random, packet) => [packet, Buffer.from(random.bytes(upTo(random, NOISE_MAX_BYTES)))],
  (_random, packet) => [packet, packet],
  (_random, packet, before) => [packet, before],
  () => [],
  function changeLength(random, packet) {
    return [packet.subarray(0, 1), Buffer.from(pick(random, LENGTHS)), packet.subarray(2)];
  },
  function splice(random, packet, before) {
    return [packet.subarray(0, at(random, packet)), before.subarray(at(random, before))];
  },
  function changeType(random, packet) {
    return [Buffer.from([upTo(random, 255)]), packet.subarray(1)];
  },
  function insert(random, packet) {
    const index = at(random, packet);
    return [
      packet.subarray(0, index),
      Buffer.from(random.bytes(1 + upTo(random, 4))),
      packet.subarray(index),
    ];
  },
  (random) => [Buffer.from(random.bytes(1 + upTo(random, NOISE_MAX_BYTES)))],
];

export class Mutator {
  readonly #random: Random;
  readonly #share: number;
  #before: Buffer = Buffer.alloc(0);

  /** `share` of the packets are damaged. */
  constructor(random: Random, share: number) {
    this.#random = random;
    this.#share = share;
  }

  apply(packet: Buffer): readonly Buffer[] {
    const before = this.#before;
    this.#before = packet;
    if (!chance(this.#random, this.#share)) return [packet];
    return pick(this.#random, DAMAGES)(this.#random, packet, before);
  }
}

/** Cuts a stream: as it is, into some pieces, or into single bytes. */
export function cut(random: Random, bytes: Buffer): readonly Buffer[] {
  if (bytes.length === 0) return [];
  const longest = pick(random, [bytes.length, bytes.length, 1 + upTo(random, 200), 1 + upTo(random, 5)]);
  // Single bytes of a large message would only test patience.
  const size = Math.max(longest, Math.ceil(bytes.length / 256));
  const pieces: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const to = from + 1 + upTo(random, size - 1);
    pieces.push(bytes.subarray(from, to));
    from = to;
  }
  return pieces;
}
