/** One fuzzing client: says its script, damaged, in pieces; answers what it is sent, mostly; leaves in some way. */
import { setImmediate as turn } from 'node:timers/promises';
import { type Packet, parser } from 'mqtt-packet';
import type { Random } from '../../../base/random.ts';
import { dialTcp, dialWebSocket, type Line } from './line.fuzz.ts';
import { cut, Mutator } from './mutation.fuzz.ts';
import { chance, pick, Script, upTo } from './script.fuzz.ts';

/** Share of damaged packets, by client: the untouched go deep, the others wide. */
const DAMAGE_SHARES = [0, 0, 0.02, 0.05, 0.2, 1] as const;
const PACKETS_MAX = 120;
/** Packets that go out before the server gets its turn. */
const BURST_MAX = 12;
/** Turns of the event loop for the last answers: a commit is a few. */
const LAST_TURNS_MAX = 6;
/** The end of what could not be read is shown. */
const SHOWN_BYTES = 2_000;
/** Clients that never read, and so run into the server's patience. */
const DEAF_SHARE = 0.02;

export interface Ports {
  readonly tcp: number;
  readonly ws: number | undefined;
}

export interface ClientReport {
  readonly sent: number;
  readonly received: number;
  /** What the server sent that another parser cannot read. */
  readonly unreadable: readonly string[];
}

export class FuzzClient {
  readonly #random: Random;
  readonly #script: Script;
  readonly #mutator: Mutator;
  readonly #isDeaf: boolean;
  readonly #unreadable: string[] = [];
  /** What leaves with the next write: an answer must not land inside a packet that is cut. */
  readonly #burst: Buffer[] = [];
  #line: Line | undefined;
  /** Its CONNECT was sound, so the server answers in the version of the script. */
  #isUnderstood = false;
  #sent = 0;
  #received = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#script = new Script(random);
    this.#mutator = new Mutator(random, pick(random, DAMAGE_SHARES));
    this.#isDeaf = chance(random, DEAF_SHARE);
  }

  async run({ tcp, ws }: Ports): Promise<ClientReport> {
    const random = this.#random;
    const onData = this.#reader();
    const isWeb = ws !== undefined && chance(random, 0.3);
    const line = isWeb
      ? await dialWebSocket({ port: ws, random, onData })
      : await dialTcp({ port: tcp, random, onData });
    this.#line = line;
    // A stranger that starts with something else is heard for one packet only.
    const connect = this.#script.connect();
    const opening = chance(random, 0.98) ? this.#mutator.apply(connect) : [];
    this.#isUnderstood = opening.length === 1 && opening[0] === connect;
    this.#burst.push(...opening);
    this.#sent += 1;
    const wanted = upTo(random, PACKETS_MAX);
    for (let packets = 0; packets <= wanted && !line.isClosed; packets += 1) {
      this.#burst.push(...this.#mutator.apply(this.#script.next()));
      this.#sent += 1;
      if (packets === wanted || chance(random, 1 / BURST_MAX)) await this.#write();
    }
    for (let turns = upTo(random, LAST_TURNS_MAX); turns > 0 && !line.isClosed; turns -= 1)
      await this.#write();
    if (chance(random, 0.5)) line.end();
    await turn();
    line.destroy();
    return { sent: this.#sent, received: this.#received, unreadable: this.#unreadable };
  }

  /** What has gathered, and a turn for the server. */
  async #write(): Promise<void> {
    const bytes = Buffer.concat(this.#burst.splice(0));
    const isPiecemeal = chance(this.#random, 0.3);
    for (const piece of isPiecemeal ? cut(this.#random, bytes) : [bytes]) {
      this.#line?.write(piece);
      await turn();
    }
  }

  #reader(): (bytes: Buffer) => void {
    if (this.#isDeaf) return () => undefined;
    const packets = parser({ protocolVersion: this.#script.version });
    packets.on('packet', (packet) => this.#answer(packet));
    let last: Buffer = Buffer.alloc(0);
    packets.on('error', (cause: Error) => {
      if (this.#isUnderstood) this.#unreadable.push(`${cause.message}: …${last.toString('hex')}`);
    });
    return (bytes) => {
      last = bytes.subarray(-SHOWN_BYTES);
      packets.parse(bytes);
    };
  }

  /** As the standard has it, with damage and gaps. */
  #answer(packet: Packet): void {
    this.#received += 1;
    const { messageId } = packet;
    const answer = answerTo(packet);
    if (answer === undefined || messageId === undefined || chance(this.#random, 0.1)) return;
    this.#sent += 1;
    this.#burst.push(...this.#mutator.apply(this.#script.encode({ cmd: answer, messageId })));
  }
}

function answerTo(packet: Packet): 'puback' | 'pubrec' | 'pubrel' | 'pubcomp' | undefined {
  if (packet.cmd === 'pubrec') return 'pubrel';
  if (packet.cmd === 'pubrel') return 'pubcomp';
  if (packet.cmd !== 'publish' || packet.qos === 0) return undefined;
  return packet.qos === 1 ? 'puback' : 'pubrec';
}
