/** What presence is told by rooms that do not know it, each by the port it has anyway. */
import type { Clock } from '../base/clock.ts';
import { PRESENCE_LAG_MS } from '../base/limits.ts';
import type { Offset } from '../model/packet.ts';
import type { EventPublisher } from '../model/ports/events.ts';
import type { Log, LogLookup } from '../model/ports/log.ts';
import type { PresenceWatch } from '../model/ports/presence.ts';
import type { SecurityFacade } from '../model/ports/security.ts';

/** Hears of stored readings before the bus does, whose queues are bounded: presence must not miss one. */
export const hearing = (events: EventPublisher, watch: Pick<PresenceWatch, 'received'>): EventPublisher => ({
  publish(type, subject, data) {
    if (type === 'data.received') watch.received(subject);
    events.publish(type, subject, data);
  },
});

const DEVICE = 'device:';

export const hearRevocations = (
  security: Pick<SecurityFacade, 'onRevoked'>,
  watch: Pick<PresenceWatch, 'revoked'>,
): (() => void) =>
  security.onRevoked((principal) => {
    if (principal.startsWith(DEVICE)) watch.revoked(principal.slice(DEVICE.length));
  });

/** The first message that is not in history has waited for longer than is usual. */
export function isBehind(options: {
  readonly log: Pick<Log, 'durable'>;
  readonly lookup: LogLookup;
  readonly clock: Clock;
  /** Undefined: there is no history at present. */
  readonly storedUpTo: Offset | undefined;
}): boolean {
  const { log, lookup, clock, storedUpTo } = options;
  if (storedUpTo === undefined) return true;
  if (storedUpTo >= log.durable) return false;
  try {
    const record = lookup.get(storedUpTo);
    return record !== undefined && clock.now() - record.receivedAt > PRESENCE_LAG_MS;
  } catch {
    // What cannot be read is said by those who have to.
    return false;
  }
}
