/** The last message of a client, published for it. It must not know when that is due. */
import type { Logger } from '../../../base/logger.ts';
import type { Receipts } from '../../../model/ports/ledger.ts';
import { REFUSED } from '../../../model/ports/log.ts';
import type { Broker } from '../broker/broker.ts';
import type { Session } from './session.ts';

interface WillOptions {
  readonly broker: Broker;
  readonly receipts: Receipts;
  readonly logger: Logger;
  readonly now: () => number;
}

export function publishWill(
  will: NonNullable<Session['will']>,
  session: Session,
  { broker, receipts, logger, now }: WillOptions,
): void {
  const { principal } = session;
  const { topic, payload, qos, retain, passed, expiryS } = will;
  const origin = principal.kind === 'device' ? principal.id : (`@${principal.id}` as const);
  const receivedAt = now();
  // A message like any other of its sender.
  const account = receipts.account(origin);
  account.received(receivedAt);
  const plain = { origin, topic, payload, qos, retain, passed, expiryS, packetId: 0 };
  const offset = broker.publish({ ...plain, receivedAt, session });
  if (offset !== REFUSED) {
    account.logged(receivedAt, offset);
    return;
  }
  account.dropped(receivedAt, 'log_refused');
  logger.warn({ topic, origin }, 'the log refused a will');
}
