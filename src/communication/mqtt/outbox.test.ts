import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  MQTT_ANSWERS_MAX_BYTES,
  MQTT_OUTBOX_MAX_BYTES,
  MQTT_OUTBOX_MAX_MESSAGES,
  MQTT_UNACKNOWLEDGED_MAX,
} from '../../base/limits.ts';
import { PINGRESP, PUBACK, publish } from './codec/write.ts';
import { Outbox, WriteTurn } from './outbox.ts';

/** Takes everything until it is told that the client no longer reads. */
class FakeSocket {
  readonly written: Buffer[] = [];
  writable = true;
  writableNeedDrain = false;
  writableLength = 0;

  write(bytes: Buffer): boolean {
    this.written.push(Buffer.from(bytes));
    return true;
  }

  cork(): void {
    this.written.push(Buffer.from('['));
  }

  uncork(): void {
    this.written.push(Buffer.from(']'));
  }

  get text(): string {
    return Buffer.concat(this.written).toString('latin1');
  }
}

const setUp = (): { readonly socket: FakeSocket; readonly outbox: Outbox; readonly turn: WriteTurn } => {
  const socket = new FakeSocket();
  const turn = new WriteTurn();
  return { socket, turn, outbox: new Outbox(socket as unknown as Socket, turn) };
};
const message = (payload: string | Buffer, qos: 0 | 1 = 0): ReturnType<typeof publish> =>
  publish({ topic: 't', payload: Buffer.from(payload), qos, retain: false });
const deliverUntilDropped = (outbox: Outbox, one: ReturnType<typeof publish>): number => {
  let held = 0;
  while (outbox.deliver(one)) held += 1;
  return held;
};

describe('the outbox of a client that reads', () => {
  it('writes a turn at once, answers before messages, each with its id', () => {
    const { socket, outbox, turn } = setUp();
    const shared = message('x', 1);
    outbox.deliver(shared);
    outbox.deliver(shared);
    outbox.acknowledge(PUBACK, 0x1234);
    outbox.send(PINGRESP);
    expect(socket.written).toEqual([]);
    turn.flush();
    expect(socket.written.map((bytes) => bytes.toString('hex'))).toEqual([
      '40021234d000',
      '32060001740001783206000174000278',
    ]);
    turn.flush();
    expect(socket.written).toHaveLength(2);
  });

  it('hands large messages on without copying the payload, behind a head of its own', () => {
    const { socket, outbox } = setUp();
    const large = message(Buffer.alloc(100_000, 'p'), 1);
    for (const one of [message('a'), large, large, message(Buffer.alloc(70_000, 'q')), message('b')])
      outbox.deliver(one);
    outbox.flush();
    const sizes = socket.written.map(({ length }) => length);
    expect(sizes).toEqual([6, 1, 9, 100_000, 1, 1, 9, 100_000, 1, 70_007, 6]);
    expect(socket.written[2]?.at(-1)).toBe(1);
    expect(socket.written[6]?.at(-1)).toBe(2);
  });

  it('writes what joins in pieces that are not large', () => {
    const { socket, outbox } = setUp();
    for (let i = 0; i < 30; i += 1) outbox.deliver(message(Buffer.alloc(10_000, i)));
    outbox.flush();
    expect(Math.max(...socket.written.map(({ length }) => length))).toBeLessThanOrEqual(65_536);
    expect(Buffer.concat(socket.written)).toEqual(
      Buffer.concat(Array.from({ length: 30 }, (_, i) => message(Buffer.alloc(10_000, i)).bytes)),
    );
  });

  it('meets no bound in one turn: it is written before the turn ends', () => {
    const { socket, outbox } = setUp();
    const one = message(Buffer.alloc(50_000));
    for (let i = 0; i < (3 * MQTT_OUTBOX_MAX_BYTES) / 50_000; i += 1) expect(outbox.deliver(one)).toBe(true);
    expect(socket.written.length).toBeGreaterThan(100);
  });
});

describe('the outbox of a client that does not read', () => {
  it('holds so many bytes and no more', () => {
    const { socket, outbox } = setUp();
    socket.writableNeedDrain = true;
    socket.writableLength = 1_000_000;
    const one = message(Buffer.alloc(100_000));
    const held = deliverUntilDropped(outbox, one);
    expect(held).toBe(Math.floor((MQTT_OUTBOX_MAX_BYTES - 1_000_000) / one.bytes.length));
    expect(socket.written).toEqual([]);
  });

  it('holds so many messages and no more, each its own copy, and writes them when it reads again', () => {
    const { socket, outbox } = setUp();
    socket.writableNeedDrain = true;
    const pooled = message('first');
    outbox.deliver(pooled);
    pooled.bytes.fill(0);
    const held = 1 + deliverUntilDropped(outbox, message('1'));
    expect(held).toBeLessThanOrEqual(MQTT_OUTBOX_MAX_MESSAGES + 1);
    expect(held).toBeGreaterThan(MQTT_OUTBOX_MAX_MESSAGES / 2);
    outbox.flush();
    expect(socket.written).toEqual([]);
    socket.writableNeedDrain = false;
    outbox.flush();
    expect(socket.text.split('1')).toHaveLength(held);
    expect(socket.text).toContain('first');
    expect(outbox.deliver(message('again'))).toBe(true);
  });

  it('stops in the middle when the socket has enough, and goes on there', () => {
    const { socket, outbox } = setUp();
    socket.write = (bytes) => {
      socket.written.push(Buffer.from(bytes));
      socket.writableNeedDrain = true;
      return false;
    };
    const all = Array.from({ length: 8 }, (_, i) => message(Buffer.alloc(20_000, i), 1));
    for (const one of all) outbox.deliver(one);
    for (let writes = 1; writes <= 3; writes += 1) {
      socket.writableNeedDrain = false;
      outbox.flush();
      expect(socket.written).toHaveLength(writes);
    }
    const ids = [];
    const bytes = Buffer.concat(socket.written);
    for (let at = 0; at < bytes.length; at += all[0]?.bytes.length ?? 1) ids.push(bytes.readUInt16BE(at + 7));
    expect(ids).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('is crowded by answers, not by messages', () => {
    const { socket, outbox } = setUp();
    socket.writableNeedDrain = true;
    deliverUntilDropped(outbox, message('x'));
    expect(outbox.isCrowded).toBe(false);
    for (let i = 0; i <= MQTT_ANSWERS_MAX_BYTES / 4; i += 1) outbox.acknowledge(PUBACK, 1);
    expect(outbox.isCrowded).toBe(true);
    socket.writableNeedDrain = false;
    outbox.flush();
    expect(outbox.isCrowded).toBe(false);
  });

  it('is given nothing once its socket has ended', () => {
    const { socket, outbox } = setUp();
    outbox.deliver(message('x'));
    socket.writable = false;
    outbox.flush();
    outbox.finish();
    expect(socket.written).toEqual([]);
  });
});

describe('packet ids', () => {
  it('are never those of messages on the way, after 65,535 of them, too', () => {
    const { socket, outbox } = setUp();
    const ids = (): number[] => {
      outbox.flush();
      const bytes = Buffer.concat(socket.written.splice(0));
      return Array.from({ length: bytes.length / 8 }, (_, i) => bytes.readUInt16BE(i * 8 + 5));
    };
    const one = message('x', 1);
    outbox.deliver(one);
    expect(ids()).toEqual([1]);
    for (let id = 2; id <= 65_535; id += 1) {
      outbox.deliver(one);
      outbox.acknowledged(id);
    }
    expect(ids().at(-1)).toBe(65_535);
    outbox.deliver(one);
    expect(ids()).toEqual([2]);
  });

  it(`are given to ${MQTT_UNACKNOWLEDGED_MAX} messages at a time; as many more wait as the bound allows`, () => {
    const { outbox } = setUp();
    const held = deliverUntilDropped(outbox, message('x', 1));
    expect(held).toBe(MQTT_UNACKNOWLEDGED_MAX + MQTT_OUTBOX_MAX_MESSAGES);
    outbox.acknowledged(1);
    expect(outbox.deliver(message('x', 1))).toBe(true);
    expect(outbox.deliver(message('x', 1))).toBe(false);
    outbox.acknowledged(50_000);
    expect(outbox.deliver(message('x', 1))).toBe(false);
  });
});
