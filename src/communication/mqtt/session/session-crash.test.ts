/** What a crash leaves of sessions: the objects are dropped without a stop, and others open what the stores have. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { REASON } from '../codec/reason.ts';
import { Machine } from './test-machine.ts';
import { pendingOf, type World, will } from './test-world.ts';

const setUp = async (): Promise<{ readonly machine: Machine; readonly world: World }> => {
  const machine = new Machine();
  return { machine, world: await machine.start() };
};

describe('after a crash', () => {
  it('kept sessions are there with subscriptions, what waited, and what was on its way, under its ids', async () => {
    const { machine, world } = await setUp();
    const client = world.connect('c', { window: 2 });
    world.subscribe(client.session, 'a', 2);
    world.subscribe(client.session, '$share/g/s', 1);
    for (const text of ['1', '2', '3', '4']) world.publish('a', text);
    machine.log.commit();
    await world.stored();
    const after = await machine.crash();
    const again = after.connect('c');
    expect(again.opened.isPresent).toBe(true);
    expect(again.receiver.take()).toEqual(['1@1#1!', '2@1#2!', '3@1#3', '4@1#4']);
    expect([...again.session.subscriptions.keys()]).toEqual(['a', '$share/g/s']);
    after.publish('s', 'shared');
    expect(again.receiver.sent).toEqual(['shared@1#5']);
  });

  it('sessions that were not kept are not there, nor those that ended', async () => {
    const { machine, world } = await setUp();
    world.subscribe(world.connect('plain', { expiryS: 0 }).session, 'a');
    const ended = world.connect('ended');
    await world.stored();
    world.registry.close(ended.session, { sendsWill: false, expiryS: 0 });
    await world.stored();
    const after = await machine.crash();
    expect([after.registry.size, after.broker.tree.size]).toEqual([0, 0]);
  });

  it('what came since the last store is routed again, to kept sessions as they were', async () => {
    const { machine, world } = await setUp();
    const one = world.connect('one');
    world.subscribe(one.session, 'a');
    const two = world.connect('two');
    world.subscribe(two.session, 'a', 1, { noLocal: true });
    world.lose(one);
    await world.stored();
    world.publish('a', 'from two', 1, { from: two.session });
    world.publish('a', 'lost', 0);
    world.publish('a', 'both');
    machine.log.commit();
    const after = await machine.crash();
    expect(after.connect('one').receiver.sent).toEqual(['from two@1#1', 'both@1#2']);
    expect(after.connect('two').receiver.sent).toEqual(['both@1#1']);
  });

  it('a subscription does not get what is older than it', async () => {
    const { machine, world } = await setUp();
    const client = world.connect('c');
    world.publish('a', 'before');
    world.subscribe(client.session, 'a');
    world.publish('a', 'after');
    await machine.commit();
    await world.stored();
    // As if all of the log were still to be routed.
    const position = machine.state.table<{ readonly routed: number; readonly nextId: number }>(
      'mqtt-position',
    );
    await position.put('position', { routed: 0, nextId: 2 });
    const after = await machine.crash();
    expect(after.connect('c').receiver.sent).toEqual(['after@1#1!', 'after@1#2']);
  });

  it('what the log lost was never there, though the sessions were stored with it', async () => {
    const { machine, world } = await setUp();
    const client = world.connect('c', { window: 1 });
    world.subscribe(client.session, 'a');
    world.publish('a', 'kept');
    machine.log.commit();
    world.publish('a', 'lost');
    world.publish('a', 'lost, too', 2, { from: client.session, packetId: 9 });
    await world.stored();
    const after = await machine.crash();
    const again = after.connect('c');
    expect(again.session.received.size).toBe(0);
    after.publish('a', 'fresh');
    machine.log.commit();
    expect(again.receiver.sent).toEqual(['kept@1#1!', 'fresh@1#2']);
  });

  it('offsets that the log lost and gives again are routed again by the next crash', async () => {
    const { machine, world } = await setUp();
    const client = world.connect('c');
    world.subscribe(client.session, 'a');
    world.lose(client);
    for (const text of ['lost', 'lost', 'lost']) world.publish('a', text);
    await world.stored();
    const second = await machine.crash();
    second.publish('a', 'acknowledged');
    machine.log.commit();
    const third = await machine.crash();
    expect(third.connect('c').receiver.sent).toEqual(['acknowledged@1#1']);
  });

  it('QoS 2 of a publisher is not taken twice: its id is known until PUBREL', async () => {
    const { machine, world } = await setUp();
    const client = world.connect('c');
    await world.stored();
    const offset = world.publish('a', 'x', 2, { from: client.session, packetId: 7 });
    machine.log.commit();
    // Not stored with the session: the log knows the id.
    const after = await machine.crash();
    const { session } = after.connect('c');
    expect([...session.received]).toEqual([[7, offset]]);
    session.received.delete(7);
    session.changed();
    await after.stored();
    const last = await machine.crash();
    expect(last.connect('c').session.received.size).toBe(0);
  });

  it('QoS 2 to a subscriber is sent again under its id before PUBREC, and only released after', async () => {
    const { machine, world } = await setUp();
    const client = world.connect('c');
    world.subscribe(client.session, 'a', 2);
    for (const text of ['1', '2']) world.publish('a', text, 2);
    machine.log.commit();
    await world.stored();
    expect(client.receiver.sent).toEqual(['1@2#1', '2@2#2']);
    client.session.outbound.received(1, REASON.success);
    await world.stored();
    const after = await machine.crash();
    const { receiver } = after.connect('c');
    await after.stored();
    expect([receiver.sent, receiver.released]).toEqual([['2@2#2!'], ['1']]);
  });

  it('QoS 2 whose id was not on disk has not been sent under it', async () => {
    const { machine, world } = await setUp();
    const client = world.connect('c');
    world.subscribe(client.session, 'a', 2);
    await world.stored();
    machine.state.writeFault = new Error('disk');
    world.publish('a', 'x', 2);
    machine.log.commit();
    for (let i = 0; i < 5; i += 1) await turn();
    expect(client.receiver.sent).toEqual([]);
    machine.state.writeFault = undefined;
    const after = await machine.crash();
    const { receiver } = after.connect('c');
    await after.stored();
    expect(receiver.sent).toEqual(['x@2#1']);
  });

  it('the will of who was connected comes, after its delay; one that waited keeps its time', async () => {
    const { machine, world } = await setUp();
    world.connect('now', { will: will('w', 'now') });
    world.connect('later', { will: will('w', 'later', 30) });
    const away = world.connect('away', { will: will('w', 'away', 20) });
    world.lose(away);
    await world.stored();
    world.clock.advance(15_000);
    const after = await machine.crash();
    after.registry.sweep();
    expect(machine.log.texts).toEqual(['now']);
    after.clock.advance(5_000);
    after.registry.sweep();
    expect(machine.log.texts).toEqual(['now', 'away']);
    after.clock.advance(25_000);
    after.registry.sweep();
    expect(machine.log.texts).toEqual(['now', 'away', 'later']);
  });

  it('the will of who had come back waits for its own delay, not for that of the one before', async () => {
    const { machine, world } = await setUp();
    world.lose(world.connect('c', { will: will('w', 'old', 10) }));
    await world.stored();
    world.connect('c', { will: will('w', 'new', 100) });
    await world.stored();
    world.clock.advance(60_000);
    const after = await machine.crash();
    after.clock.advance(99_999);
    after.registry.sweep();
    expect(machine.log.texts).toEqual([]);
    after.clock.advance(1);
    after.registry.sweep();
    expect(machine.log.texts).toEqual(['new']);
  });

  it('expiry goes on from when the connection ended, through more than one restart', async () => {
    const { machine, world } = await setUp();
    world.connect('c', { expiryS: 60 });
    await world.stored();
    const second = await machine.crash();
    await second.stored();
    second.clock.advance(40_000);
    const third = await machine.crash();
    third.clock.advance(20_000);
    third.registry.sweep();
    expect(third.registry.size).toBe(0);
  });

  it('ids of sessions are not given again', async () => {
    const { machine, world } = await setUp();
    const before = world.connect('a').session.id;
    await world.stored();
    const after = await machine.crash();
    expect(after.connect('b').session.id).toBeGreaterThan(before);
  });

  it('retained messages on their way to a new subscription go on', async () => {
    const { machine, world } = await setUp();
    for (const name of ['1', '2', '3']) world.publish(`r/${name}`, name, 1, { retain: true });
    machine.log.commit();
    const client = world.connect('c', { window: 1 });
    world.subscribe(client.session, 'r/+');
    expect(client.receiver.sent).toEqual(['1@1#1r']);
    await world.stored();
    const after = await machine.crash();
    const { receiver } = after.connect('c');
    const texts = receiver.sent.map((text) => text.slice(0, 1));
    expect(new Set(texts)).toEqual(new Set(['1', '2', '3']));
    expect(receiver.sent[0]).toBe('1@1#1!r');
  });
});

describe('a state store that fails', () => {
  it('is tried again, and what waited for it goes on then; nothing is lost by the tries in between', async () => {
    const { machine, world } = await setUp();
    const client = world.connect('c', { window: 1 });
    world.subscribe(client.session, 'a');
    await world.stored();
    machine.state.writeFault = new Error('disk');
    let isStored = false;
    world.registry.whenStored(() => {
      isStored = true;
    });
    for (const text of ['1', '2', '3']) world.publish('a', text);
    machine.log.commit();
    for (let i = 0; i < 4; i += 1) {
      world.registry.sweep();
      for (let k = 0; k < 3; k += 1) await turn();
    }
    expect([isStored, world.registry.isFailing]).toEqual([false, true]);
    client.session.outbound.acknowledged(1);
    machine.state.writeFault = undefined;
    await world.registry.stop();
    expect([isStored, world.registry.isFailing]).toEqual([true, false]);
    const after = await machine.crash();
    const { session } = after.connect('c', { window: 0 });
    expect(pendingOf(after, session)).toEqual(['2', '3']);
  });

  it('gets in the end what it was offered once and nobody changed since', async () => {
    const { machine, world } = await setUp();
    const ended = world.connect('ended');
    await world.stored();
    machine.state.writeFault = new Error('disk');
    world.subscribe(world.connect('kept').session, 'a');
    world.registry.end(ended.session);
    await world.registry.stop();
    expect(world.registry.isFailing).toBe(true);
    machine.state.writeFault = undefined;
    await world.registry.stop();
    const after = await machine.crash();
    expect([...after.registry.all()].map(({ clientId }) => clientId)).toEqual(['kept']);
    expect(after.broker.tree.size).toBe(1);
  });

  it('makes one batch of what changes in one turn', async () => {
    const { machine, world } = await setUp();
    for (let i = 0; i < 50; i += 1) world.subscribe(world.connect(`${i}`).session, 'a');
    const before = machine.state.batches;
    await Promise.all([world.stored(), world.stored()]);
    expect(machine.state.batches).toBe(before + 1);
  });
});

describe('a commit of the log that fails', () => {
  it('takes its messages out of the queues and the ids of who sent them', async () => {
    const { machine, world } = await setUp();
    const publisher = world.connect('p');
    const reader = world.connect('r');
    world.subscribe(reader.session, 'a', 2);
    world.lose(reader);
    world.publish('a', 'kept', 2, { from: publisher.session, packetId: 1 });
    world.publish('a', 'lost', 2, { from: publisher.session, packetId: 2 });
    world.publish('a', 'later', 1);
    machine.log.fail(1, 1);
    machine.log.commit();
    expect([...publisher.session.received.keys()]).toEqual([1]);
    expect(pendingOf(world, reader.session)).toEqual(['kept', 'later']);
  });
});

describe('a log that lost what the sessions had seen, and has something else there now', () => {
  it('has lost it for the sessions, too: what a publisher sends again is no repeat', async () => {
    const { machine, world } = await setUp();
    const publisher = world.connect('p');
    const reader = world.connect('r');
    world.subscribe(reader.session, 'a', 2);
    world.publish('a', 'kept', 1);
    machine.log.commit();
    world.publish('a', 'lost', 2, { from: publisher.session, packetId: 1 });
    world.lose(reader);
    await world.stored();
    const after = await machine.crash(2);
    const again = after.connect('p');
    expect(again.session.received.has(1)).toBe(false);
    after.publish('a', 'lost', 2, { from: again.session, packetId: 1 });
    machine.log.commit();
    expect(pendingOf(after, after.connect('r').session)).toEqual(['kept', 'lost']);
  });
});

describe('what the log is about to trim', () => {
  const sweeps = async (world: World): Promise<void> => {
    for (let i = 0; i < 8; i += 1) {
      world.registry.sweep();
      for (let k = 0; k < 4; k += 1) await turn();
    }
  };

  it('is copied out where a session waits for it, also through a crash, and forgotten when nobody does', async () => {
    const { machine, world } = await setUp();
    const client = world.connect('c');
    world.subscribe(client.session, 'a');
    world.lose(client);
    for (const topic of ['a', 'other', 'a', 'a']) world.publish(topic, topic);
    machine.log.commit();
    machine.log.endangeredBelow = 3;
    await sweeps(world);
    expect(world.broker.kept.size).toBe(2);
    expect(machine.log.holds.get('mqtt')).toBe(3);
    for (const offset of [0, 1, 2]) machine.log.gone.add(offset);
    const after = await machine.crash();
    const again = after.connect('c');
    expect(again.receiver.sent).toEqual(['a@1#1', 'a@1#2', 'a@1#3']);
    for (const id of [1, 2, 3]) again.session.outbound.acknowledged(id);
    await sweeps(after);
    expect(after.broker.kept.size).toBe(0);
    expect(machine.state.bytes('mqtt-kept').count).toBe(0);
  });

  it('is copied, too, where it was passed on behind newer ones', async () => {
    const { machine, world } = await setUp();
    const one = world.connect('one', { window: 1 });
    world.subscribe(one.session, '$share/g/a');
    for (const text of ['1', '2']) world.publish('a', text);
    const two = world.connect('two', { window: 1 });
    world.subscribe(two.session, 'b');
    for (const text of ['x', 'y']) world.publish('b', text);
    world.subscribe(two.session, '$share/g/a');
    machine.log.commit();
    world.lose(one);
    expect(pendingOf(world, two.session)).toEqual(['x', 'y', '2']);
    machine.log.endangeredBelow = 2;
    await sweeps(world);
    for (const offset of [0, 1]) machine.log.gone.add(offset);
    expect(pendingOf(world, two.session)).toEqual(['x', 'y', '2']);
    expect(pendingOf(world, one.session)).toEqual(['1']);
  });

  it.each([
    ['kept sessions', undefined],
    ['clean sessions', 0],
  ])('is not held back by %s that only publish', async (_, expiryS) => {
    const { machine, world } = await setUp();
    const { session } = world.connect('p', expiryS === undefined ? {} : { expiryS });
    await sweeps(world);
    for (const text of ['1', '2', '3']) world.publish('a', text, 1, { from: session });
    machine.log.commit();
    machine.log.endangeredBelow = 2;
    await sweeps(world);
    expect(machine.log.holds.get('mqtt')).toBe(3);
  });

  it('is not held back where there is no session', async () => {
    const { machine, world } = await setUp();
    const client = world.connect('c', { expiryS: 0 });
    await sweeps(world);
    expect(machine.log.holds.has('mqtt')).toBe(true);
    world.lose(client);
    await sweeps(world);
    expect(machine.log.holds.has('mqtt')).toBe(false);
  });
});
