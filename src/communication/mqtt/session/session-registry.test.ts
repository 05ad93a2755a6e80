/** Sessions as clients see them, on stores in memory; what a crash leaves is in `session-crash.test.ts`. */
import { describe, expect, it } from 'vitest';
import { MemoryStateStore } from '../../../../test/support/memory-state.ts';
import { MQTT_SESSION_EXPIRY_MAX_S, MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX } from '../../../base/limits.ts';
import type { DeviceId } from '../../../model/ids.ts';
import { REASON } from '../codec/reason.ts';
import { FakeLog } from '../test-support.ts';
import { pendingOf, World, will } from './test-world.ts';

async function setUp() {
  const log = new FakeLog(false);
  const state = new MemoryStateStore();
  const world = await World.started({ log, lookup: log, state });
  return { log, state, world };
}
const DEVICE = { kind: 'device', id: 'd1' as DeviceId } as const;

describe('a session', () => {
  it('is there when its client comes back in time, with its subscriptions and what came meanwhile', async () => {
    const { log, world } = await setUp();
    const first = world.connect('c', { expiryS: 60 });
    expect(first.opened).toMatchObject({ isPresent: false, mustBeStored: true });
    world.subscribe(first.session, 'a');
    world.lose(first);
    world.publish('a', 'x');
    log.commit();
    world.clock.advance(59_999);
    world.registry.sweep();
    const second = world.connect('c', { expiryS: 60 });
    expect(second.opened).toMatchObject({ isPresent: true, mustBeStored: false });
    expect(second.receiver.sent).toEqual(['x@1#1']);
  });

  it('is over after its expiry, whether the sweep has come by or not', async () => {
    for (const isSwept of [true, false]) {
      const { log, world } = await setUp();
      const first = world.connect('c', { expiryS: 60 });
      world.subscribe(first.session, 'a');
      world.lose(first);
      world.publish('a', 'x');
      log.commit();
      world.clock.advance(60_000);
      if (isSwept) world.registry.sweep();
      expect(world.registry.size).toBe(isSwept ? 0 : 1);
      const second = world.connect('c');
      expect(second.opened.isPresent).toBe(false);
      expect(second.receiver.sent).toEqual([]);
      expect(world.broker.tree.size).toBe(0);
      expect(world.dropped('session_ended')).toBe(1);
    }
  });

  it('does not expire while its client is here, and is kept a week at most', async () => {
    const { world } = await setUp();
    const client = world.connect('c', { expiryS: 0xffff_ffff });
    expect(client.session.expiryS).toBe(MQTT_SESSION_EXPIRY_MAX_S);
    world.clock.advance(10 * MQTT_SESSION_EXPIRY_MAX_S * 1_000);
    world.registry.sweep();
    expect(world.registry.size).toBe(1);
    world.lose(client);
    world.clock.advance(MQTT_SESSION_EXPIRY_MAX_S * 1_000);
    world.registry.sweep();
    expect(world.registry.size).toBe(0);
  });

  it('that is not kept ends with its connection; one that DISCONNECT makes so, too', async () => {
    const { world } = await setUp();
    const plain = world.connect('plain', { expiryS: 0 });
    expect(plain.opened.mustBeStored).toBe(false);
    world.lose(plain);
    const kept = world.connect('kept');
    world.registry.close(kept.session, { sendsWill: false, expiryS: 0 });
    expect(world.registry.size).toBe(0);
  });

  it('begins anew with a clean start, and that is to be on disk before the client is told', async () => {
    const { world, state } = await setUp();
    const first = world.connect('c');
    world.subscribe(first.session, 'a');
    world.lose(first);
    await world.stored();
    const second = world.connect('c', { clean: true, expiryS: 0 });
    expect(second.opened).toMatchObject({ isPresent: false, mustBeStored: true });
    expect(world.broker.tree.size).toBe(0);
    await world.stored();
    expect(state.table('mqtt-sessions').count).toBe(0);
  });

  it('of one principal is not that of another', async () => {
    const { world } = await setUp();
    const [admin, device] = [world.connect('c'), world.connect('c', { principal: DEVICE })];
    expect(admin.session).not.toBe(device.session);
    expect(world.registry.size).toBe(2);
  });

  it('loses subscriptions that its client may not have any more when it comes back', async () => {
    const { world } = await setUp();
    const first = world.connect('c', { principal: DEVICE });
    world.subscribe(first.session, 'v1/d1/a');
    world.subscribe(first.session, 'v1/d1/b');
    world.lose(first);
    world.security.forbidden.add('v1/d1/a');
    const second = world.connect('c', { principal: DEVICE });
    expect([...second.session.subscriptions.keys()]).toEqual(['v1/d1/b']);
    expect(world.broker.tree.size).toBe(1);
  });
});

describe('subscriptions', () => {
  it('are granted as asked, refused without the right or over the bound, replaced by name', async () => {
    const { world } = await setUp();
    const { session } = world.connect('c', { principal: DEVICE });
    expect(world.subscribe(session, 'v1/d1/#', 2)).toBe(2);
    expect(world.subscribe(session, 'v1/d2/#', 2)).toBe(REASON.notAuthorized);
    expect(world.subscribe(session, '$share/g/v1/d2/x', 1)).toBe(REASON.notAuthorized);
    for (let i = 1; i < MQTT_SUBSCRIPTIONS_PER_CLIENT_MAX; i += 1) world.subscribe(session, `v1/d1/${i}`);
    expect(world.subscribe(session, 'v1/d1/more')).toBe(REASON.quotaExceeded);
    expect(world.subscribe(session, 'v1/d1/#', 1)).toBe(1);
    expect(world.registry.unsubscribe(session, 'v1/d1/1')).toBe(REASON.success);
    expect(world.registry.unsubscribe(session, 'v1/d1/1')).toBe(REASON.noSubscriptionExisted);
    expect(world.subscribe(session, 'v1/d1/more')).toBe(1);
  });

  it('get retained messages: always, only when new, or never [3.8.3.1]; shared ones never', async () => {
    const { world } = await setUp();
    world.publish('a', 'kept', 1, { retain: true });
    const { session, receiver } = world.connect('c');
    const ask = (retainHandling: 0 | 1 | 2, filter = 'a'): readonly string[] => {
      world.subscribe(session, filter, 1, { retainHandling });
      return receiver.take();
    };
    expect(ask(2)).toEqual([]);
    expect(ask(0)).toEqual(['kept@1#1r']);
    expect(ask(1)).toEqual([]);
    world.registry.unsubscribe(session, 'a');
    expect(ask(1)).toEqual(['kept@1#2r']);
    expect(ask(0, '$share/g/a')).toEqual([]);
  });

  it('with No Local are not sent their own, and nobody else’s are kept from them', async () => {
    const { log, world } = await setUp();
    const { session, receiver } = world.connect('c');
    world.subscribe(session, 'a', 1, { noLocal: true });
    world.publish('a', 'mine', 1, { from: session });
    world.publish('a', 'theirs');
    log.commit();
    expect(receiver.sent).toEqual(['theirs@1#1']);
  });
});

describe('the will', () => {
  it('comes after its delay, once, though its client stays away longer', async () => {
    const { log, world } = await setUp();
    world.lose(world.connect('c', { will: will('w', 'gone', 10) }));
    world.clock.advance(9_999);
    world.registry.sweep();
    expect(log.texts).toEqual([]);
    world.clock.advance(1);
    world.registry.sweep();
    world.registry.sweep();
    expect(log.texts).toEqual(['gone']);
  });

  it('does not come when its client is back in time [MQTT-3.1.3-9]', async () => {
    const { log, world } = await setUp();
    world.lose(world.connect('c', { will: will('w', 'gone', 10) }));
    world.connect('c');
    world.clock.advance(60_000);
    world.registry.sweep();
    expect(log.texts).toEqual([]);
  });

  it('comes with the end of the session, if that is first: by expiry, and by a clean start', async () => {
    const { log, world } = await setUp();
    world.lose(world.connect('c', { expiryS: 5, will: will('w', 'expired', 60) }));
    world.clock.advance(5_000);
    world.registry.sweep();
    expect(log.texts).toEqual(['expired']);
    world.lose(world.connect('c', { will: will('w', 'cleaned', 60) }));
    world.connect('c', { clean: true });
    world.lose(world.connect('d', { expiryS: 0, will: will('w', 'at once', 60) }));
    expect(log.texts).toEqual(['expired', 'cleaned', 'at once']);
  });

  it('is discarded by a normal end, and not sent without the right to its topic', async () => {
    const { log, world } = await setUp();
    world.registry.close(world.connect('c', { will: will('w', 'no') }).session, { sendsWill: false });
    const other = world.connect('d', { will: will('w', 'no') });
    world.security.forbidden.add('w');
    world.lose(other);
    expect(log.texts).toEqual([]);
  });
});

describe('shared messages of a member that goes', () => {
  const share = '$share/g/a';

  it('are passed on to another: what waited, and at the end of the session what was on its way', async () => {
    const { log, world } = await setUp();
    const one = world.connect('one', { window: 1 });
    world.subscribe(one.session, share);
    for (const text of ['1', '2', '3']) world.publish('a', text);
    log.commit();
    const two = world.connect('two');
    world.subscribe(two.session, share);
    world.lose(one);
    expect(two.receiver.sent).toEqual(['2@1#1', '3@1#2']);
    expect(pendingOf(world, one.session)).toEqual(['1']);
    world.registry.end(one.session);
    expect(two.receiver.sent[2]).toBe('1@1#3');
    expect(world.dropped('session_ended')).toBe(0);
  });

  it('go to members of the group they came through, not of another group of hers', async () => {
    const { log, world } = await setUp();
    const one = world.connect('one', { window: 1 });
    world.subscribe(one.session, share);
    world.subscribe(one.session, '$share/h/b');
    const [a, b] = [world.connect('a'), world.connect('b')];
    for (const text of ['1', '2', '3']) world.publish('b', text);
    world.subscribe(a.session, share);
    world.subscribe(b.session, '$share/h/b');
    log.commit();
    world.lose(one);
    expect([a.receiver.sent, b.receiver.sent]).toEqual([[], ['2@1#1', '3@1#2']]);
  });

  it('stay hers where she is alone, or nobody else may have them', async () => {
    const { log, world } = await setUp();
    const one = world.connect('one', { window: 1, principal: DEVICE });
    world.subscribe(one.session, '$share/g/v1/d1/a');
    for (const text of ['1', '2']) world.publish('v1/d1/a', text);
    log.commit();
    const idle = world.connect('idle');
    world.subscribe(idle.session, '$share/other/x');
    world.lose(one);
    expect(pendingOf(world, one.session)).toEqual(['1', '2']);
    const again = world.connect('one', { principal: DEVICE });
    expect(again.receiver.sent).toEqual(['1@1#1!', '2@1#2']);
  });

  it('that are not committed yet are passed on when they are', async () => {
    for (const how of ['plain', 'clean start'] as const) {
      const { log, world } = await setUp();
      const one = world.connect('one', { expiryS: how === 'plain' ? 0 : 3_600 });
      world.subscribe(one.session, share, 2);
      world.publish('a', 'x', 2);
      const two = world.connect('two', { expiryS: 0 });
      world.subscribe(two.session, share, 2);
      world.lose(one);
      if (how === 'clean start') world.connect('one', { clean: true });
      expect(two.receiver.sent).toEqual([]);
      log.commit();
      expect([how, two.receiver.sent]).toEqual([how, ['x@2#1']]);
      expect(world.dropped('session_ended') + world.dropped('no_longer_kept')).toBe(0);
    }
  });

  it('are counted when nobody is left', async () => {
    const { log, world } = await setUp();
    const one = world.connect('one');
    world.subscribe(one.session, share);
    world.lose(one);
    world.publish('a', 'x');
    log.commit();
    world.registry.end(one.session);
    expect(world.dropped('session_ended')).toBe(1);
  });
});
