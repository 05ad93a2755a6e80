import { describe, expect, it } from 'vitest';
import {
  MQTT_ANSWERS_MAX_BYTES,
  MQTT_OUTBOX_DIRECT_BYTES,
  MQTT_OUTBOX_MAX_BYTES,
  MQTT_OUTBOX_MAX_MESSAGES,
  MQTT_OUTBOX_TIGHT_BYTES,
  MQTT_OUTBOXES_MAX_BYTES,
} from '../../../base/limits.ts';
import { PINGRESP, PUBACK, publish } from '../codec/write.ts';
import type { Link } from '../transport/link.ts';
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

const setUp = () => {
  const socket = new FakeSocket();
  const turn = new WriteTurn();
  const told = { room: 0 };
  const outbox = new Outbox({
    link: socket as unknown as Link,
    turn,
    onRoom: () => {
      told.room += 1;
    },
  });
  return { socket, turn, outbox, told };
};
const message = (payload: string | Buffer, qos: 0 | 1 = 0): ReturnType<typeof publish> =>
  publish({ version: 4, topic: 't', payload: Buffer.from(payload), qos, retain: false });
/** As a receiver does with QoS 0. */
const offer = (outbox: Outbox, one: ReturnType<typeof publish>): boolean => {
  if (!outbox.takes(one.bytes.length)) return false;
  outbox.deliver(one, 0);
  return true;
};
const deliverUntilDropped = (outbox: Outbox, one: ReturnType<typeof publish>): number => {
  let held = 0;
  while (offer(outbox, one)) held += 1;
  return held;
};

describe('the outbox of a client that reads', () => {
  it('writes a turn at once, answers before messages, each with its id', () => {
    const { socket, outbox, turn } = setUp();
    const shared = message('x', 1);
    outbox.deliver(shared, 1);
    outbox.deliver(shared, 2);
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
    outbox.deliver(message('a'), 0);
    outbox.deliver(large, 1);
    outbox.deliver(large, 2);
    outbox.deliver(message(Buffer.alloc(70_000, 'q')), 0);
    outbox.deliver(message('b'), 0);
    outbox.flush();
    const sizes = socket.written.map(({ length }) => length);
    expect(sizes).toEqual([6, 1, 9, 100_000, 1, 1, 9, 100_000, 1, 70_007, 6]);
    expect(socket.written[2]?.at(-1)).toBe(1);
    expect(socket.written[6]?.at(-1)).toBe(2);
  });

  it('writes what joins in pieces that are not large', () => {
    const { socket, outbox } = setUp();
    for (let i = 0; i < 30; i += 1) outbox.deliver(message(Buffer.alloc(10_000, i)), 0);
    outbox.flush();
    expect(Math.max(...socket.written.map(({ length }) => length))).toBeLessThanOrEqual(65_536);
    expect(Buffer.concat(socket.written)).toEqual(
      Buffer.concat(Array.from({ length: 30 }, (_, i) => message(Buffer.alloc(10_000, i)).bytes)),
    );
  });

  it('meets no bound in one turn: it is written before the turn ends', () => {
    const { socket, outbox } = setUp();
    const one = message(Buffer.alloc(50_000));
    for (let i = 0; i < (3 * MQTT_OUTBOX_MAX_BYTES) / 50_000; i += 1) expect(offer(outbox, one)).toBe(true);
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
    outbox.deliver(pooled, 0);
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
    expect(offer(outbox, message('again'))).toBe(true);
  });

  it('stops in the middle when the socket has enough, and goes on there', () => {
    const { socket, outbox } = setUp();
    socket.write = (bytes) => {
      socket.written.push(Buffer.from(bytes));
      socket.writableNeedDrain = true;
      return false;
    };
    const all = Array.from({ length: 8 }, (_, i) => message(Buffer.alloc(20_000, i), 1));
    for (const [i, one] of all.entries()) outbox.deliver(one, i + 1);
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
    outbox.deliver(message('x'), 0);
    socket.writable = false;
    outbox.flush();
    outbox.finish();
    expect(socket.written).toEqual([]);
  });
});

describe('room for messages that must not be dropped', () => {
  it('ends well before the bound, and is announced once when it is back to whoever asked in vain', () => {
    const { socket, outbox, told } = setUp();
    socket.writableNeedDrain = true;
    const one = message(Buffer.alloc(100_000), 1);
    let id = 0;
    while (outbox.hasRoom) outbox.deliver(one, (id += 1));
    expect(id).toBe(Math.ceil(MQTT_OUTBOX_DIRECT_BYTES / one.bytes.length));
    outbox.flush();
    expect(told.room).toBe(0);
    socket.writableNeedDrain = false;
    outbox.flush();
    expect(told.room).toBe(1);
    outbox.flush();
    expect(told.room).toBe(1);
    expect(outbox.hasRoom).toBe(true);
  });

  it('is small for everybody while all together hold too much', () => {
    const { socket, outbox, turn } = setUp();
    socket.writableNeedDrain = true;
    turn.heldBytes = MQTT_OUTBOXES_MAX_BYTES + 1;
    expect(outbox.hasRoom).toBe(true);
    expect(outbox.takes(MQTT_OUTBOX_TIGHT_BYTES + 1)).toBe(false);
    outbox.deliver(message(Buffer.alloc(MQTT_OUTBOX_TIGHT_BYTES)), 0);
    expect(outbox.hasRoom).toBe(false);
  });

  it('is counted for all together: what was handed in is taken off when it is written, or its socket has ended', () => {
    const { socket, outbox, turn } = setUp();
    const one = message('x');
    outbox.deliver(one, 0);
    expect(turn.heldBytes).toBe(one.bytes.length);
    turn.flush();
    expect(turn.heldBytes).toBe(0);
    outbox.deliver(one, 0);
    socket.writable = false;
    turn.flush();
    expect(turn.heldBytes).toBe(0);
    outbox.deliver(one, 0);
    outbox.finish();
    expect(turn.heldBytes).toBe(0);
  });
});
