/** What of sessions stands on disk, in memory and in LMDB alike: all of it, in one moment, and nothing of what has ended. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { REASON } from '../codec/reason.ts';
import type { Session } from './session.ts';
import { type CrashingMachine, LmdbMachine, Machine } from './test-machine.ts';
import { pendingOf, type World, will } from './test-world.ts';

const rowsOf = ({ state }: World): readonly number[] => [
  state.table('mqtt-sessions').count,
  state.bytes('mqtt-flows').count,
  state.bytes('mqtt-queues').count,
];

/** All that a session is, but for what a restart changes. */
const portrait = ({ clientId, principal, expiryS, createdAt, disconnectedAt, ...rest }: Session): object => {
  const { subscriptions, received, outbound } = rest;
  return {
    clientId,
    principal,
    expiryS,
    createdAt,
    disconnectedAt,
    subscriptions: [...subscriptions.values()],
    received: [...received],
    waiting: [...(outbound.queue ?? [])],
    flights: [...(outbound.flights?.entries() ?? [])],
  };
};

describe.each([
  ['memory', () => new Machine()],
  ['LMDB', () => new LmdbMachine()],
] as const)('sessions stored in %s', (_name, make) => {
  let machine: CrashingMachine;
  let world: World;
  beforeEach(async () => {
    machine = make();
    world = await machine.start();
  });
  afterEach(() => machine.dispose());

  const sessionOf = (of: World, clientId: string): Session => {
    const found = [...of.registry.all()].find((session) => session.clientId === clientId);
    if (found === undefined) throw new Error(`no session ${clientId}`);
    return found;
  };

  it('are what they were', async () => {
    const client = world.connect('c', { expiryS: 777, window: 20, will: will('w', 'gone', 99) });
    const { session } = client;
    world.subscribe(session, 'a/#', 2, { retainAsPublished: true });
    world.subscribe(session, 'b/+', 1, { noLocal: true, retainHandling: 2 });
    world.subscribe(session, '$share/g/s', 0);
    for (let i = 0; i < 300; i += 1)
      world.publish('a/x', `${i}`, i % 3 === 0 ? 2 : 1, { retain: i % 7 === 0 });
    world.publish('else', 'mine', 2, { from: session, packetId: 11 });
    await machine.commit();
    await world.stored();
    session.outbound.acknowledged(2);
    session.outbound.received(1, REASON.success);
    world.lose(client);
    await world.stored();
    const before = portrait(session);
    const texts = pendingOf(world, session);
    const after = await machine.crash();
    const restored = sessionOf(after, 'c');
    expect(portrait(restored)).toEqual(before);
    expect(pendingOf(after, restored)).toEqual(texts);
    expect(restored.will).toMatchObject({ topic: 'w', delayS: 99 });
    expect(restored.willDueAt).toBe(session.willDueAt);
  });

  it('leave nothing when they end, nor chunks of a queue that was read', async () => {
    const client = world.connect('c', { window: 1_000 });
    world.subscribe(client.session, 'a');
    world.lose(client);
    for (let i = 0; i < 1_000; i += 1) world.publish('a', `${i}`);
    await machine.commit();
    await world.stored();
    const [sessions, flows, chunks = 0] = rowsOf(world);
    expect([sessions, flows]).toEqual([1, 1]);
    expect(chunks).toBeGreaterThan(3);
    const again = world.connect('c');
    for (let id = 1; id <= 1_000; id += 1) again.session.outbound.acknowledged(id);
    await world.stored();
    expect(rowsOf(world)).toEqual([1, 1, 0]);
    world.publish('a', 'more');
    world.lose(again);
    for (let i = 0; i < 200; i += 1) world.publish('a', `${i}`);
    await world.stored();
    world.connect('c', { clean: true, expiryS: 0 });
    await world.stored();
    expect(rowsOf(world)).toEqual([0, 0, 0]);
    const after = await machine.crash();
    expect([after.registry.size, after.broker.tree.size]).toEqual([0, 0]);
  });

  it('become kept, and cease to be, as their client says', async () => {
    const plain = world.connect('c', { expiryS: 0 });
    world.subscribe(plain.session, 'a');
    await world.stored();
    expect(rowsOf(world)[0]).toBe(0);
    const kept = world.connect('c', { expiryS: 60 });
    world.subscribe(kept.session, 'b');
    await world.stored();
    expect(rowsOf(world)[0]).toBe(1);
    world.connect('c', { expiryS: 0 });
    await world.stored();
    expect(rowsOf(world)).toEqual([0, 0, 0]);
  });

  it('are many, each its own', async () => {
    for (let i = 0; i < 200; i += 1) {
      const client = world.connect(`c${i}`, { expiryS: 100 + i });
      world.subscribe(client.session, `t/${i}`);
      world.lose(client);
    }
    for (let i = 0; i < 200; i += 1) world.publish(`t/${i}`, `for ${i}`);
    await machine.commit();
    await world.stored();
    const after = await machine.crash();
    expect(after.registry.size).toBe(200);
    for (const i of [0, 7, 36, 199]) {
      const session = sessionOf(after, `c${i}`);
      expect([session.expiryS, pendingOf(after, session)]).toEqual([100 + i, [`for ${i}`]]);
    }
  });
});
