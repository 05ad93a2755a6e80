import { beforeEach, describe, expect, it } from 'vitest';
import { COMMANDS_PER_DEVICE_MAX } from '../../base/limits.ts';
import { problem } from '../../model/errors.ts';
import { World } from './test-kit.ts';

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe('a command', () => {
  let world: World;
  beforeEach(async () => {
    world = new World();
    await world.registry.add({ id: 'lamp' }, '@admin');
    await world.registry.add({ id: 'gw', gateway: true }, '@admin');
    await world.registry.add({ id: 'leaf', parent: 'gw' }, '@admin');
  });

  it('goes to a device that listens, and ends with its reply', async () => {
    world.listens('lamp');
    const sending = world.send('lamp', 'dim', { args: { level: 3 }, waitMs: 1_000 });
    await turn();
    const [message] = world.messaging.published;
    const id = message?.topic.split('/').at(-1) ?? '';
    expect(message).toMatchObject({
      topic: `v1/lamp/commands/dim/${id}`,
      payload: '{"level":3}',
      qos: 1,
      responseTopic: `v1/lamp/commands/${id}/reply`,
      correlationData: Buffer.from(id),
    });
    await world.messaging.hear('lamp', `v1/lamp/commands/${id}/reply`, { level: 3 });
    const command = await sending;
    expect(command).toMatchObject({
      id,
      state: 'answered',
      result: { level: 3 },
      attempts: 1,
      by: 'user:admin',
    });
    expect(world.service.get(id)).toEqual(command);
    expect(world.eventsOf('command.sent')).toMatchObject([{ device: 'lamp', command: 'dim', attempt: 1 }]);
    expect(world.eventsOf('command.answered')).toMatchObject([{ request: id, state: 'answered' }]);
  });

  it('is on disk when its caller is told that it is open', async () => {
    const { id, state } = await world.send('lamp');
    expect(state).toBe('queued');
    world.restart();
    expect(world.service.get(id)?.state).toBe('queued');
    world.listens('lamp');
    expect(world.topics).toEqual([`v1/lamp/commands/reboot/${id}`]);
  });

  it('waits for a device that is away, and no longer than its expiry', async () => {
    const inTime = await world.send('lamp', 'a', { terms: { expiry: '60s' } });
    const tooLate = await world.send('lamp', 'b', { terms: { expiry: '5s' } });
    world.advance(10_000);
    expect(world.service.get(tooLate.id)).toMatchObject({ state: 'expired', reason: 'offline', attempts: 0 });
    world.listens('lamp');
    expect(world.topics).toEqual([`v1/lamp/commands/a/${inTime.id}`]);
    expect(world.eventsOf('command.expired')).toMatchObject([{ request: tooLate.id, reason: 'offline' }]);
  });

  it('is sent a while after a connection that subscribes to nothing: its session may have everything', async () => {
    world.connect('lamp');
    await world.send('lamp');
    world.advance(900);
    expect(world.topics).toEqual([]);
    world.advance(200);
    expect(world.topics).toHaveLength(1);
  });

  it('is not taken for heard by what is subscribed to something else', async () => {
    world.connect('lamp');
    world.messaging.subscribed('lamp', 'v1/lamp/twin/#');
    await world.send('lamp');
    expect(world.topics).toEqual([]);
  });

  it('at least once: is sent again until its retries are used up, under the same request', async () => {
    world.listens('lamp');
    const { id } = await world.send('lamp', 'reboot', { terms: { timeout: '1s', retries: 2 } });
    world.advance(10_000);
    expect(world.topics).toEqual(Array.from({ length: 3 }, () => `v1/lamp/commands/reboot/${id}`));
    expect(world.service.get(id)).toMatchObject({ state: 'expired', reason: 'timeout', attempts: 3 });
  });

  it('at most once: is published once, with QoS 0, whatever happens', async () => {
    const { id } = await world.send('lamp', 'reboot', { terms: { delivery: 'at-most-once' } });
    world.listens('lamp');
    await turn();
    expect(world.messaging.published).toMatchObject([{ qos: 0 }]);
    world.disconnect('lamp');
    world.restart();
    world.listens('lamp');
    await turn();
    expect(world.topics).toHaveLength(1);
    world.advance(20_000);
    expect(world.service.get(id)).toMatchObject({ state: 'expired', reason: 'timeout', attempts: 1 });
    expect(world.topics).toHaveLength(1);
  });

  it('at most once: stays unsent where the disk does not take that it is sent', async () => {
    const { id } = await world.send('lamp', 'reboot', { terms: { delivery: 'at-most-once' } });
    world.state.writeFault = new Error('EIO');
    world.listens('lamp');
    await turn();
    expect(world.topics).toEqual([]);
    expect(world.service.faults.join()).toContain('EIO');
    world.state.writeFault = undefined;
    world.advance(2_000);
    await turn();
    expect(world.topics).toEqual([`v1/lamp/commands/reboot/${id}`]);
  });

  it('comes again when its connection was lost before the reply, and the first of two replies counts', async () => {
    world.listens('lamp');
    const command = await world.send('lamp');
    world.disconnect('lamp');
    world.listens('lamp');
    expect(world.topics).toHaveLength(2);
    await world.reply(command, { n: 1 });
    await world.reply(command, { n: 2 });
    expect(world.service.get(command.id)).toMatchObject({ state: 'answered', result: { n: 1 }, attempts: 2 });
  });

  it('tells of progress, and is not sent again to who works on it', async () => {
    world.listens('lamp');
    const command = await world.send('lamp', 'calibrate', { terms: { timeout: '2s' } });
    for (const percent of [10, 50, 90]) {
      world.advance(1_500);
      await world.reply(command, { status: 'running', percent, message: 'on it' });
    }
    expect(world.service.get(command.id)).toMatchObject({ state: 'sent', progress: { percent: 90 } });
    world.advance(1_500);
    await world.reply(command, { status: 'done', result: 7 });
    expect(world.service.get(command.id)).toMatchObject({ state: 'answered', result: 7 });
    expect(world.topics).toHaveLength(1);
  });

  it('fails where the device says so', async () => {
    world.listens('lamp');
    const command = await world.send('lamp');
    await world.reply(command, { status: 'failed', code: 'E7', message: 'motor\u001b[31m stuck' });
    const { state, error } = world.service.get(command.id) ?? {};
    expect(state).toBe('failed');
    expect(error?.code).toBe('E7');
    expect(error?.message).toMatch(/^motor.*stuck$/);
    expect(error?.message).not.toContain('\u001b');
  });

  it('is held to the schemas of the profile', async () => {
    const level = { type: 'integer', minimum: 0, maximum: 9 } as const;
    const dim = {
      arguments: { type: 'object', properties: { level }, required: ['level'], additionalProperties: false },
      reply: { type: 'object', required: ['level'] },
      delivery: 'at-most-once',
      timeout: '3s',
    } as const;
    const put = await world.registry.putProfile(
      { id: 'dimmer', version: 1, metrics: {}, commands: { dim } },
      '@a',
    );
    expect(put.ok).toBe(true);
    await world.registry.update('lamp', { profile: 'dimmer' }, '@a');
    const codeOf = async (name: string, args: Readonly<Record<string, unknown>>): Promise<string> => {
      const plain = { device: 'lamp', terms: {}, by: '@a', waitMs: 0 };
      const sent = await world.service.send({ ...plain, name, arguments: args });
      return sent.ok ? 'ok' : sent.error.code;
    };
    expect(await codeOf('dim', { level: 10 })).toBe('command.arguments');
    expect(await codeOf('dim', { level: 1, more: 1 })).toBe('command.arguments');
    expect(await codeOf('reboot', {})).toBe('command.unknown');
    expect(await codeOf('toString', {})).toBe('command.unknown');
    expect(await codeOf('a/b', {})).toBe('command.unknown');
    world.listens('lamp');
    const command = await world.send('lamp', 'dim', { args: { level: 1 } });
    expect(command).toMatchObject({ delivery: 'at-most-once', timeoutMs: 3_000, retries: 0 });
    await world.reply(command, { nothing: true });
    expect(world.service.get(command.id)).toMatchObject({
      state: 'failed',
      error: { code: 'command.reply' },
    });
  });

  it('goes to a child through its gateway, and takes the reply from nobody else', async () => {
    world.listens('gw', 'v1/gw/children/#');
    const command = await world.send('leaf');
    expect(world.topics).toEqual([`v1/gw/children/leaf/commands/reboot/${command.id}`]);
    const topic = `v1/gw/children/leaf/commands/${command.id}/reply`;
    await world.messaging.hear('lamp', topic.replace('gw', 'lamp'), 'no');
    await world.messaging.hear('lamp', topic, 'no');
    await world.messaging.hear('lamp', `v1/lamp/commands/${command.id}/reply`, 'no');
    expect(world.service.get(command.id)?.state).toBe('sent');
    await world.messaging.hear('gw', topic, 'yes');
    expect(world.service.get(command.id)).toMatchObject({ state: 'answered', result: 'yes' });
  });

  it('is cancelled once', async () => {
    const { id } = await world.send('lamp');
    const cancelled = await world.service.cancel(id, '@admin');
    expect(cancelled).toMatchObject({ ok: true, value: { state: 'expired', reason: 'cancelled' } });
    expect(await world.service.cancel(id, '@admin')).toMatchObject({
      ok: false,
      error: { code: 'command.ended' },
    });
    expect(await world.service.cancel('?', '@admin')).toMatchObject({ error: { code: 'command.not_found' } });
    world.listens('lamp');
    expect(world.topics).toEqual([]);
  });

  it('ends with its device', async () => {
    const { id } = await world.send('lamp');
    await world.registry.remove('lamp', '@admin');
    expect(world.service.get(id)).toMatchObject({ state: 'expired', reason: 'removed' });
  });

  it('is refused where too many of its device are open, and those of others go on', async () => {
    for (let n = 0; n < COMMANDS_PER_DEVICE_MAX; n += 1) await world.send('lamp');
    await expect(world.send('lamp')).rejects.toMatchObject({ code: 'command.queue_full' });
    expect((await world.send('gw')).state).toBe('queued');
    expect(world.service.list({ device: 'lamp', limit: 7 })).toHaveLength(7);
  });

  it('is tried again when the log takes no message at present', async () => {
    world.listens('lamp');
    world.messaging.refusal = problem('log.congested', 'full');
    const { id } = await world.send('lamp', 'reboot', { terms: { delivery: 'at-most-once' } });
    await turn();
    expect(world.service.get(id)).toMatchObject({ state: 'queued', attempts: 0 });
    world.messaging.refusal = undefined;
    world.advance(1_200);
    await turn();
    expect(world.topics).toHaveLength(1);
  });

  it('is refused, and not kept, where the disk takes nothing', async () => {
    world.state.writeFault = problem('disk.full', 'full');
    await expect(world.send('lamp')).rejects.toMatchObject({ code: 'disk.full' });
    world.state.writeFault = undefined;
    expect(world.service.list({ device: 'lamp', limit: 10 })).toEqual([]);
  });

  it('lets nobody wait when the room stops', async () => {
    const sending = world.send('lamp', 'reboot', { waitMs: 60_000 });
    await turn();
    await world.service.stop();
    expect((await sending).state).toBe('queued');
  });

  it('is not touched by a wall clock that jumps', async () => {
    const { id } = await world.send('lamp', 'reboot', { terms: { expiry: '10s' } });
    world.clock.jump(400 * 86_400_000);
    world.advance(5_000);
    expect(world.service.get(id)?.state).toBe('queued');
    world.clock.jump(-800 * 86_400_000);
    world.advance(6_000);
    expect(world.service.get(id)?.state).toBe('expired');
  });
});
