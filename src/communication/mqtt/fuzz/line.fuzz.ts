/** A raw byte stream to the server, over TCP or in WebSocket frames made by hand, which can be wrong, too. */
import { connect, type Socket } from 'node:net';
import type { Random } from '../../../base/random.ts';
import { chance, pick, upTo } from './script.fuzz.ts';

export interface Line {
  readonly isClosed: boolean;
  write(bytes: Buffer): void;
  end(): void;
  destroy(): void;
}

interface LineOptions {
  readonly port: number;
  readonly random: Random;
  readonly onData: (bytes: Buffer) => void;
}

class TcpLine implements Line {
  readonly socket: Socket;
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      this.isClosed = true;
    });
  }

  write(bytes: Buffer): void {
    if (!this.isClosed) this.socket.write(bytes);
  }

  end(): void {
    this.socket.end();
  }

  /** By a reset: ten thousand connections a second must not leave ten thousand ports waiting. */
  destroy(): void {
    this.socket.resetAndDestroy();
  }
}

export async function dialTcp({ port, onData }: LineOptions): Promise<Line> {
  const line = await dial(port);
  line.socket.on('data', onData);
  return line;
}

async function dial(port: number): Promise<TcpLine> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const line = new TcpLine(socket);
  await new Promise((done) => {
    socket.once('connect', done);
    socket.once('close', done);
  });
  return line;
}

const UPGRADE = [
  'GET /mqtt HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Protocol: mqtt',
  '\r\n',
].join('\r\n');
const HEAD_END = Buffer.from('\r\n\r\n');
const FIN_BINARY = 0x82;
const CONTINUATION = 0x80;
/** Text, close, ping, reserved bits, an unknown opcode, a message that goes on. */
const ODD_FIRST_BYTES = [0x81, 0x88, 0x89, 0xf2, 0x83, 0x02, CONTINUATION] as const;
/** Share of the frames that are damaged. */
const DAMAGED_FRAMES = 0.003;

export async function dialWebSocket({ port, random, onData }: LineOptions): Promise<Line> {
  const line = await dial(port);
  const { socket } = line;
  const frames = new FrameReader(onData);
  socket.write(UPGRADE);
  await new Promise<void>((done) => {
    let head = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf(HEAD_END);
      if (end < 0) return;
      socket.off('data', read);
      socket.on('data', (bytes) => frames.push(bytes));
      frames.push(head.subarray(end + HEAD_END.length));
      done();
    };
    socket.on('data', read);
    socket.once('close', () => done());
  });
  return {
    get isClosed() {
      return line.isClosed;
    },
    write: (bytes) => line.write(frame(random, bytes)),
    end: () => line.end(),
    destroy: () => line.destroy(),
  };
}

function frame(random: Random, bytes: Buffer): Buffer {
  const size = bytes.length;
  const isDamaged = chance(random, DAMAGED_FRAMES);
  const first = isDamaged ? pick(random, ODD_FIRST_BYTES) : FIN_BINARY;
  const head = [first];
  if (size < 126) head.push(0x80 | size);
  else if (size < 65_536) head.push(0x80 | 126, size >> 8, size & 0xff);
  else head.push(0x80 | 127, 0, 0, 0, 0, size >>> 24, (size >> 16) & 0xff, (size >> 8) & 0xff, size & 0xff);
  // The mask is zero, so that the bytes stand as they are.
  const whole = Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), bytes]);
  if (isDamaged && chance(random, 0.5)) whole[1] = upTo(random, 255);
  return whole;
}

/** What the server sends: whole frames, unmasked. */
class FrameReader {
  readonly #onData: (bytes: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(onData: (bytes: Buffer) => void) {
    this.#onData = onData;
  }

  push(bytes: Buffer): void {
    let rest = Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const whole = wholeFrame(rest);
      if (whole === undefined) break;
      const [start, end] = whole;
      if (rest[0] === FIN_BINARY) this.#onData(rest.subarray(start, end));
      rest = rest.subarray(end);
    }
    this.#rest = rest;
  }
}

function wholeFrame(bytes: Buffer): readonly [start: number, end: number] | undefined {
  const short = bytes[1];
  if (short === undefined) return undefined;
  const start = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < start) return undefined;
  const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : bytes.readUInt32BE(6);
  return bytes.length < start + size ? undefined : [start, start + size];
}
