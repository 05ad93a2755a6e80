import { invariant } from '../../base/invariant.ts';
import type { Device } from '../../model/device.ts';
import type { Role, TopicPolicy } from '../../model/ports/security.ts';
import { presetTopics } from '../../model/preset-topics.ts';
import { TOPIC_ROOT, telemetryTopic } from '../../model/topics.ts';
import { isTopicFilter, isTopicName, withoutShare } from './topic-filter.ts';
import { TopicPattern } from './topic-pattern.ts';

/** What the topic rules of a device depend on. */
export type TopicSubject = Pick<Device, 'id' | 'gateway' | 'preset' | 'topicBase'>;

const DEVICE_TREE = `${TOPIC_ROOT}/{device}/`;
const CHILDREN = 'children/';

export const denyAll: TopicPolicy = {
  mayPublish: () => false,
  maySubscribe: () => false,
  mayReceive: () => false,
};

/**
 * A device owns `v1/{device}/…` in one direction at a time: what it tells (telemetry, attributes, replies, reported twin)
 * it may publish, what it is told (commands, desired twin) it may subscribe to. Commands and the desired twin are the
 * server's to say. Compiled once for all devices: a connection adds where its own `v1/{device}/` ends.
 */
const TELLS = compileTells([
  'yes v1/{device}/commands/+/reply',
  'no  v1/{device}/commands/#',
  'yes v1/{device}/twin/reported',
  'no  v1/{device}/twin/#',
  'no  v1/{device}/children/#',
  'yes v1/{device}/+/#',
]);
const IS_TOLD = ['v1/{device}/commands/#', 'v1/{device}/twin/#'].map(inTree);
/** A gateway has the same for each of its children. A child obeys the rules of a leaf: no grandchildren here. */
const GATEWAY_IS_TOLD = [
  ...IS_TOLD,
  ...['v1/{device}/children/+/commands/#', 'v1/{device}/children/+/twin/#'].map(inTree),
];

/**
 * What it said itself lies below what it is told: who subscribes to `commands/#` before version 5, which has No Local,
 * would take its replies for commands, and answer them.
 */
const ECHOES = ['v1/{device}/commands/+/reply', 'v1/{device}/children/+/commands/+/reply'].map(inTree);

/** The rules of a device, and of the foreign project whose topics it speaks (preset). */
export function deviceTopics(device: TopicSubject): TopicPolicy {
  const own = `${TOPIC_ROOT}/${device.id}/`;
  const telemetry = telemetryTopic(device.id);
  // A device with a preset is a bridge to others: it speaks for children, too.
  const speaksForChildren = device.gateway || device.preset !== undefined;
  const isTold = speaksForChildren ? GATEWAY_IS_TOLD : IS_TOLD;
  const foreign = presetTopics(device);
  const foreignPublish = foreign.publish.filter(isForeign).map((filter) => new TopicPattern(filter));
  const foreignSubscribe = foreign.subscribe.filter(isForeign).map((filter) => new TopicPattern(filter));
  return {
    mayPublish(topic) {
      if (topic === telemetry) return true;
      if (!isTopicName(topic)) return false;
      if (!topic.startsWith(own)) return someMatch(foreignPublish, topic, 0);
      // Levels of the own tree have a name.
      if (topic.endsWith('/') || topic.includes('//', own.length - 1)) return false;
      return tells(topic, speaksForChildren ? childTree(topic, own.length) : own.length);
    },
    maySubscribe(filter) {
      const wanted = withoutShare(filter);
      if (wanted === undefined || !isTopicFilter(wanted)) return false;
      if (!wanted.startsWith(own)) return someCover(foreignSubscribe, wanted);
      return someCover(isTold, wanted.slice(own.length));
    },
    mayReceive(topic) {
      if (!isTopicName(topic)) return false;
      if (!topic.startsWith(own)) return someMatch(foreignSubscribe, topic, 0);
      return someMatch(isTold, topic, own.length) && !someMatch(ECHOES, topic, own.length);
    },
  };
}

/** People: `$` topics are the server's own to publish; viewers see the contract's tree and `$SYS`, and touch nothing. */
export function userTopics(role: Role): TopicPolicy {
  if (role === 'viewer') return viewerTopics;
  return staffTopics;
}

const viewerTree = [new TopicPattern(`${TOPIC_ROOT}/#`), new TopicPattern('$SYS/#')];

const viewerTopics: TopicPolicy = {
  mayPublish: () => false,
  maySubscribe(filter) {
    const wanted = withoutShare(filter);
    return wanted !== undefined && isTopicFilter(wanted) && someCover(viewerTree, wanted);
  },
  mayReceive: (topic) => isTopicName(topic) && someMatch(viewerTree, topic, 0),
};

const staffTopics: TopicPolicy = {
  mayPublish: (topic) => isTopicName(topic) && !topic.startsWith('$'),
  maySubscribe(filter) {
    const wanted = withoutShare(filter);
    return wanted !== undefined && isTopicFilter(wanted);
  },
  mayReceive: isTopicName,
};

/** May the device whose tree ends at `from` publish this? The first rule that matches decides; none = no. */
function tells(topic: string, from: number): boolean {
  for (const { allows, pattern } of TELLS) if (pattern.matches(topic, from)) return allows;
  return false;
}

/** Where the tree of the child that the topic is about begins; `from` where it is about none. */
function childTree(topic: string, from: number): number {
  if (!topic.startsWith(CHILDREN, from)) return from;
  const end = topic.indexOf('/', from + CHILDREN.length);
  return end < 0 ? from : end + 1;
}

/** Whatever base somebody gave to a preset: it opens neither the trees of other devices nor the server's `$` topics. */
function isForeign(filter: string): boolean {
  const base = filter.endsWith('/#') ? filter.slice(0, -2) : filter;
  return (
    isTopicName(base) && !base.startsWith('$') && base !== TOPIC_ROOT && !base.startsWith(`${TOPIC_ROOT}/`)
  );
}

function compileTells(
  rules: readonly string[],
): readonly { readonly allows: boolean; readonly pattern: TopicPattern }[] {
  return rules.map((rule) => {
    const [verdict, filter = ''] = rule.split(/ +/);
    return { allows: verdict === 'yes', pattern: inTree(filter) };
  });
}

/** A pattern relative to the tree of a device. */
function inTree(filter: string): TopicPattern {
  invariant(filter.startsWith(DEVICE_TREE), `a rule outside of ${DEVICE_TREE}: ${filter}`);
  return new TopicPattern(filter.slice(DEVICE_TREE.length));
}

function someMatch(patterns: readonly TopicPattern[], topic: string, from: number): boolean {
  for (const pattern of patterns) if (pattern.matches(topic, from)) return true;
  return false;
}

/** Inside one allowed filter; a filter that only their union contains is refused, which errs on the safe side. */
function someCover(patterns: readonly TopicPattern[], asked: string): boolean {
  for (const pattern of patterns) if (pattern.covers(asked)) return true;
  return false;
}
