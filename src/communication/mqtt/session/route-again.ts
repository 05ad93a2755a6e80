/**
 * After a crash: messages of the log that no stored session has seen yet are routed as they were when they came. Promises
 * each to whoever had subscribed by then.
 */
import type { Offset } from '../../../model/packet.ts';
import type { Log } from '../../../model/ports/log.ts';
import type { Broker } from '../broker/broker.ts';
import { asMessage, decodeMeta, type Message } from '../broker/message.ts';
import type { Session } from './session.ts';

interface RouteAgainOptions {
  readonly log: Log;
  readonly broker: Broker;
  readonly find: (id: number) => Session | undefined;
}

export function routeAgain(from: Offset, { log, broker, find }: RouteAgainOptions): void {
  for (let offset = Math.max(from, log.first); offset < log.next; offset += 1) {
    const record = broker.record(offset);
    if (record === undefined) continue;
    const { publisher, packetId } = decodeMeta(record.meta);
    if (packetId !== 0) find(publisher)?.keepReceived(packetId, offset);
    // What came by HTTP has no subscribers.
    if (record.qos > 0 && !record.checked) requeue(broker, asMessage(record));
  }
}

function requeue(broker: Broker, message: Message): void {
  const { direct, shared } = broker.tree.match(message.topic);
  for (const { member, delivery, own, since } of direct) {
    const form = member.id === message.publisher ? own : delivery;
    if (form === undefined || since > message.offset) continue;
    member.outbound.requeue(message, form, false);
  }
  for (const group of shared) {
    const taker = group.next(message.topic);
    if (taker !== undefined && taker.since <= message.offset)
      taker.member.outbound.requeue(message, taker.delivery, true);
  }
}
