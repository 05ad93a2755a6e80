import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TOPIC_PRESETS } from '../../model/device.ts';
import { type DeviceId, parseDeviceId } from '../../model/ids.ts';
import { ROLES } from '../../model/ports/security.ts';
import { deviceTopics, type TopicSubject, userTopics } from './topic-policy.ts';

function id(text: string): DeviceId {
  const parsed = parseDeviceId(text);
  if (!parsed.ok) throw parsed.error;
  return parsed.value;
}
const device = (text: string, more: Partial<TopicSubject> = {}): TopicSubject => ({
  id: id(text),
  gateway: false,
  ...more,
});

/** Does this filter, as MQTT reads it, match the topic? A second opinion, level by level. */
function matches(filter: string, topic: string): boolean {
  const [want = '', ...filterRest] = filter.split('/');
  const [have, ...topicRest] = topic.split('/');
  if (want === '#') return true;
  if (want !== '+' && want !== have) return false;
  if (filterRest.length === 0) return topicRest.length === 0;
  if (topicRest.length === 0) return filterRest.join('/') === '#';
  return matches(filterRest.join('/'), topicRest.join('/'));
}

describe('the topics of a device', () => {
  const policy = deviceTopics(device('A'));
  const gateway = deviceTopics(device('A', { gateway: true }));

  it.each([
    'v1/A/telemetry',
    'v1/A/attributes',
    'v1/A/commands/r1/reply',
    'v1/A/twin/reported',
    'v1/A/log/debug',
  ])('may publish %s', (topic) => {
    expect(policy.mayPublish(topic)).toBe(true);
  });

  it.each([
    'v1/A',
    'v1/A/',
    'v1/A/commands/reboot/r1',
    'v1/A/commands',
    'v1/A/commands/r1',
    'v1/A/commands/r1/reply/more',
    'v1/A/twin/desired',
    'v1/A/twin',
    'v1/A/children/C/telemetry',
    'v1/A//telemetry',
    'v1/B/telemetry',
    'v1/AB/telemetry',
    'v1/a/telemetry',
    'v1/A/tele+metry',
    'v1/A/#',
    'v1/+/telemetry',
    '$SYS/x',
    '$share/g/v1/A/telemetry',
    '/v1/A/telemetry',
    'V1/A/telemetry',
    'tele/A/SENSOR',
    '',
    'v1/A/x\0y',
  ])('may not publish %j', (topic) => {
    expect(policy.mayPublish(topic)).toBe(false);
  });

  it.each([
    'v1/A/commands/#',
    'v1/A/commands/+/+',
    'v1/A/commands/reboot/+',
    'v1/A/commands',
    'v1/A/twin/desired',
    'v1/A/twin/#',
    '$share/g/v1/A/commands/#',
  ])('may subscribe %s', (filter) => {
    expect(policy.maySubscribe(filter)).toBe(true);
  });

  it.each([
    '#',
    '+',
    '+/+',
    '+/A/commands/#',
    '+/#',
    'v1/#',
    'v1/+/telemetry',
    'v1/+/commands/#',
    'v1/A/#',
    'v1/A/+/#',
    'v1/A/+',
    'v1/A/telemetry',
    'v1/B/commands/#',
    'v1/A/commands#',
    'v1/A/commands/#/x',
    'v1/A/children/+/commands/#',
    '$SYS/#',
    '$share/g/#',
    '$share/g/v1/B/commands/#',
    '$share/v1/A/commands/#',
    '',
  ])('may not subscribe %j', (filter) => {
    expect(policy.maySubscribe(filter)).toBe(false);
  });

  it('lets a gateway speak and listen for its children, by the rules of a device', () => {
    for (const topic of ['v1/A/children/C/telemetry', 'v1/A/children/C/commands/r/reply']) {
      expect(gateway.mayPublish(topic)).toBe(true);
    }
    for (const topic of [
      'v1/A/children/C/commands/reboot/r',
      'v1/A/children/C/twin/desired',
      'v1/A/children/C',
      'v1/A/children/C/children/D/telemetry',
      'v1/A/children',
    ]) {
      expect(gateway.mayPublish(topic)).toBe(false);
    }
    expect(gateway.maySubscribe('v1/A/children/+/commands/#')).toBe(true);
    expect(gateway.maySubscribe('v1/A/children/C/twin/desired')).toBe(true);
    expect(gateway.maySubscribe('v1/A/children/#')).toBe(false);
    expect(gateway.mayReceive('v1/A/children/C/commands/reboot/r')).toBe(true);
  });

  it('hears no replies of its own, which lie among its commands', () => {
    expect(policy.maySubscribe('v1/A/commands/#')).toBe(true);
    expect(policy.mayReceive('v1/A/commands/reboot/r')).toBe(true);
    expect(policy.mayReceive('v1/A/commands/r/reply')).toBe(false);
    expect(gateway.mayReceive('v1/A/children/C/commands/r/reply')).toBe(false);
    expect(gateway.mayReceive('v1/A/children/C/commands/reboot/r')).toBe(true);
  });

  it('adds the topics of a preset, under its own base only', () => {
    const tasmota = deviceTopics(device('plug', { preset: 'tasmota', topicBase: 'haus/plug' }));
    expect(tasmota.mayPublish('tele/haus/plug/SENSOR')).toBe(true);
    expect(tasmota.mayPublish('tele/haus/other/SENSOR')).toBe(false);
    expect(tasmota.maySubscribe('cmnd/haus/plug/#')).toBe(true);
    expect(tasmota.maySubscribe('cmnd/#')).toBe(false);
    expect(tasmota.mayPublish('cmnd/haus/plug/POWER')).toBe(false);
  });

  it('opens neither the trees of others nor the topics of the server by the base of a preset', () => {
    const bases = ['v1', 'v1/B', 'v1/A', '$SYS', '$share/g/v1/B', '#', '+', 'v1/+', 'x/#', 'x/+', '/', ''];
    for (const preset of TOPIC_PRESETS) {
      for (const topicBase of bases) {
        const rules = deviceTopics(device('A', { preset, topicBase }));
        for (const topic of ['v1/B/telemetry', 'v1/B/twin/desired', 'v1', '$SYS/broker', 'x', 'x/y/z', 'B']) {
          expect(rules.mayPublish(topic)).toBe(false);
          expect(rules.maySubscribe(topic)).toBe(false);
          expect(rules.mayReceive(topic)).toBe(false);
        }
        for (const filter of ['#', '+/#', 'v1/#', 'v1/+/telemetry', '$SYS/#', 'x/#', '+']) {
          expect(rules.maySubscribe(filter)).toBe(false);
        }
        expect(rules.mayPublish('v1/A/telemetry')).toBe(true);
        expect(rules.mayPublish('v1/A/twin/desired')).toBe(false);
      }
    }
  });

  it('never reaches another device, whatever the ids, presets and topics are', () => {
    const ids = fc.constantFrom(
      'A',
      'B',
      'AB',
      'A.B',
      'A-1',
      'a',
      'x:y',
      'telemetry',
      'children',
      'commands',
    );
    const presets = fc.option(fc.constantFrom(...TOPIC_PRESETS), { nil: undefined });
    const tails = fc.constantFrom(
      'telemetry',
      'attributes',
      'commands/x/1',
      'twin/desired',
      'children/C/telemetry',
    );
    const wild = fc
      .array(fc.constantFrom('v1', '+', 'A', 'B', 'AB', 'telemetry', 'commands', 'twin', 'children'), {
        minLength: 1,
        maxLength: 5,
      })
      .chain((levels) => fc.constantFrom(levels.join('/'), `${levels.join('/')}/#`));
    fc.assert(
      fc.property(
        ids,
        ids,
        fc.boolean(),
        presets,
        tails,
        wild,
        (mine, other, isGateway, preset, tail, filter) => {
          fc.pre(mine !== other);
          const rules = deviceTopics(device(mine, { gateway: isGateway, preset }));
          const foreign = `v1/${other}/${tail}`;
          expect(rules.mayPublish(foreign)).toBe(false);
          expect(rules.mayReceive(foreign)).toBe(false);
          expect(rules.maySubscribe(foreign)).toBe(false);
          if (rules.maySubscribe(filter)) expect(matches(filter, foreign)).toBe(false);
        },
      ),
      { numRuns: 5_000, seed: 3 },
    );
  });

  it('may receive whatever it may subscribe to, and nothing it may not', () => {
    const topics = fc
      .array(fc.constantFrom('v1', 'A', 'B', 'commands', 'twin', 'desired', 'children', 'x'), {
        minLength: 1,
        maxLength: 6,
      })
      .map((levels) => levels.join('/'));
    fc.assert(
      fc.property(topics, fc.boolean(), (topic, isGateway) => {
        const rules = isGateway ? gateway : policy;
        expect(rules.mayReceive(topic)).toBe(rules.maySubscribe(topic));
      }),
      { numRuns: 2_000, seed: 5 },
    );
  });
});

describe('the topics of people', () => {
  it('leaves $ topics to the server', () => {
    for (const role of ['admin', 'operator'] as const) {
      const rules = userTopics(role);
      expect(rules.mayPublish('v1/A/commands/reboot/1')).toBe(true);
      expect(rules.mayPublish('$SYS/fake')).toBe(false);
      expect(rules.mayPublish('a/+')).toBe(false);
      expect(rules.maySubscribe('#')).toBe(true);
      expect(rules.maySubscribe('a#')).toBe(false);
    }
  });

  it('lets all of them watch the server’s $SYS and none of them publish below any $', () => {
    for (const role of ROLES) {
      const rules = userTopics(role);
      for (const filter of [
        '$SYS/#',
        '$SYS/+/clients',
        '$SYS/broker/load',
        '$share/g/$SYS/#',
        '$share/g/v1/#',
      ]) {
        expect(rules.maySubscribe(filter)).toBe(true);
      }
      expect(rules.mayReceive('$SYS/broker/load')).toBe(true);
      for (const topic of ['$SYS/broker/load', '$SYS', '$', '$share/g/v1/A/telemetry', '$other/x']) {
        expect(rules.mayPublish(topic)).toBe(false);
      }
      for (const filter of ['$share/g', '$share/g/', '$share//v1/#', '$share/+/v1/#', '$share/g/a#', '']) {
        expect(rules.maySubscribe(filter)).toBe(false);
      }
    }
  });

  it('lets viewers read the tree of the contract and nothing else', () => {
    const rules = userTopics('viewer');
    expect(rules.maySubscribe('v1/#')).toBe(true);
    expect(rules.maySubscribe('v1/+/telemetry')).toBe(true);
    expect(rules.maySubscribe('#')).toBe(false);
    expect(rules.maySubscribe('+/A/telemetry')).toBe(false);
    expect(rules.maySubscribe('zigbee2mqtt/#')).toBe(false);
    expect(rules.mayReceive('zigbee2mqtt/lamp')).toBe(false);
    expect(rules.mayPublish('v1/A/telemetry')).toBe(false);
  });
});
