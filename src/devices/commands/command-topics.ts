import { deviceTree, TOPIC_ROOT } from '../../model/topics.ts';

/** Topics of commands, as the contract gives them. A child is spoken to through its gateway. */

/** What every reply matches. */
export const REPLY_FILTERS = [
  `${TOPIC_ROOT}/+/commands/+/reply`,
  `${TOPIC_ROOT}/+/children/+/commands/+/reply`,
] as const;

export function commandTopic(command: {
  readonly id: string;
  readonly name: string;
  readonly device: string;
  readonly addressee: string;
}): string {
  return `${deviceTree(command.device, command.addressee)}/commands/${command.name}/${command.id}`;
}

export const replyTopic = (command: {
  readonly id: string;
  readonly device: string;
  readonly addressee: string;
}): string => `${deviceTree(command.device, command.addressee)}/commands/${command.id}/reply`;

interface ReplyAddress {
  readonly device: string;
  readonly request: string;
  /** Who may say it: the device, or its gateway. */
  readonly speaker: string;
}

/** Undefined for a topic that is none of a reply. */
export function parseReplyTopic(topic: string): ReplyAddress | undefined {
  const [root, speaker, ...rest] = topic.split('/');
  if (root !== TOPIC_ROOT || speaker === undefined) return undefined;
  const isChild = rest[0] === 'children';
  const [device, commands, request, reply, more] = isChild ? rest.slice(1) : [speaker, ...rest];
  const isReply = commands === 'commands' && reply === 'reply' && more === undefined;
  return isReply && device !== undefined && request !== undefined ? { device, request, speaker } : undefined;
}
