import type { Device } from '../../model/device.ts';
import type { Role, TopicPolicy } from '../../model/ports/security.ts';
import { presetTopics } from '../../model/preset-topics.ts';
import { TOPIC_ROOT } from '../../model/topics.ts';
import { covers, isTopicFilter, isTopicName, withoutShare } from './topic-filter.ts';

/** What the topic rules of a device depend on. */
export type TopicSubject = Pick<Device, 'id' | 'gateway' | 'preset' | 'topicBase'>;

export const denyAll: TopicPolicy = {
  mayPublish: () => false,
  maySubscribe: () => false,
  mayReceive: () => false,
};

/** Topics that a device with children speaks and hears for them. */
const speaksForChildren = (device: TopicSubject): boolean => device.gateway || device.preset !== undefined;

/**
 * A device owns `v1/{id}/…` in one direction at a time: what it tells (telemetry, attributes, replies, reported twin)
 * it may publish, what it is told (commands, desired twin) it may subscribe to. A gateway has the same for
 * `v1/{id}/children/{child}/…`; a preset adds the topics of the foreign project.
 */
export function deviceTopics(device: TopicSubject): TopicPolicy {
  const own = `${TOPIC_ROOT}/${device.id}/`;
  const telemetry = `${own}telemetry`;
  const gateway = speaksForChildren(device);
  const foreign = presetTopics(device);
  const publish = foreign.publish.map(levelsOf);
  const subscribe = [...ownSubscriptions(own, gateway), ...foreign.subscribe].map(levelsOf);
  return {
    mayPublish(topic) {
      if (topic === telemetry) return true;
      if (!isTopicName(topic)) return false;
      if (topic.startsWith(own)) return tells(topic.slice(own.length).split('/'), gateway);
      return coveredByOne(publish, topic.split('/'));
    },
    maySubscribe(filter) {
      const wanted = withoutShare(filter);
      return wanted !== undefined && isTopicFilter(wanted) && coveredByOne(subscribe, levelsOf(wanted));
    },
    mayReceive: (topic) => isTopicName(topic) && coveredByOne(subscribe, topic.split('/')),
  };
}

/** People: `$` topics are the server's own to publish; viewers see the contract's tree and touch nothing. */
export function userTopics(role: Role): TopicPolicy {
  if (role === 'viewer') {
    const tree = [[TOPIC_ROOT, '#']];
    return {
      mayPublish: () => false,
      maySubscribe(filter) {
        const wanted = withoutShare(filter);
        return wanted !== undefined && isTopicFilter(wanted) && coveredByOne(tree, levelsOf(wanted));
      },
      mayReceive: (topic) => isTopicName(topic) && coveredByOne(tree, topic.split('/')),
    };
  }
  return {
    mayPublish: (topic) => isTopicName(topic) && !topic.startsWith('$'),
    maySubscribe(filter) {
      const wanted = withoutShare(filter);
      return wanted !== undefined && isTopicFilter(wanted);
    },
    mayReceive: isTopicName,
  };
}

/** May a device publish this below `v1/{id}/`? Commands and the desired twin are the server's to say. */
function tells(levels: readonly string[], gateway: boolean): boolean {
  const [kind, second] = levels;
  if (levels.includes('')) return false;
  if (kind === 'commands') return levels.length === 3 && levels[2] === 'reply';
  if (kind === 'twin') return levels.length === 2 && second === 'reported';
  if (kind !== 'children') return true;
  // A child's leaf obeys the rules of a leaf, and children have no children here.
  return gateway && levels.length > 2 && levels[2] !== 'children' && tells(levels.slice(2), false);
}

function ownSubscriptions(own: string, gateway: boolean): readonly string[] {
  const told = ['commands/#', 'twin/#'];
  const forChildren = gateway ? told.map((leaf) => `children/+/${leaf}`) : [];
  return [...told, ...forChildren].map((leaf) => own + leaf);
}

const levelsOf = (filter: string): readonly string[] => filter.split('/');

/** Inside one allowed filter; a filter that only their union contains is refused, which errs on the safe side. */
const coveredByOne = (allowed: readonly (readonly string[])[], asked: readonly string[]): boolean =>
  allowed.some((filter) => covers(filter, asked));
