/** Reads SUBSCRIBE [3.8] and UNSUBSCRIBE [3.10] of all versions. */
import { Fields } from './fields.ts';
import { PLACE, readProperties } from './properties.ts';
import { type Fault, REASON } from './reason.ts';
import { fitsLimits, isFilter, isShared, type Share, shareOf } from './topics.ts';
import type { ProtocolVersion } from './version.ts';

export interface SubscriptionRequest {
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
  /** The parts of `$share/{group}/{filter}`. */
  readonly share: Share | undefined;
  /** Well-formed, but we do not take it: its code for SUBACK. */
  readonly invalid: number | undefined;
}

export interface SubscribePacket {
  readonly packetId: number;
  /** 0 = none. */
  readonly subscriptionId: number;
  readonly entries: readonly SubscriptionRequest[];
}

export interface UnsubscribePacket {
  readonly packetId: number;
  readonly filters: readonly string[];
}

export function parseSubscribe(
  version: ProtocolVersion,
  bytes: Buffer,
  start: number,
  end: number,
): SubscribePacket | Fault {
  const fields = new Fields(bytes, start, end);
  const packetId = fields.packetId();
  const properties = version === 5 ? readProperties(fields, PLACE.subscribe) : {};
  const entries: SubscriptionRequest[] = [];
  // [MQTT-3.8.3-2], in 3.1.1 [MQTT-3.8.3-3].
  if (fields.atEnd) fields.fail(REASON.protocolError, 'SUBSCRIBE without a filter');
  while (fields.hasMore) entries.push(readRequest(fields, version));
  return fields.fault ?? { packetId, subscriptionId: properties.subscriptionId ?? 0, entries };
}

function readRequest(fields: Fields, version: ProtocolVersion): SubscriptionRequest {
  const filter = fields.text();
  const options = fields.byte();
  // Reserved bits make the packet malformed [MQTT-3.8.3-5], in 3.1.1 all but the QoS [MQTT-3-8.3-4].
  if ((options & (version === 5 ? 0xc0 : 0xfc)) !== 0)
    fields.fail(REASON.malformed, 'reserved bits of the subscription options are set');
  const qos = options & 3;
  const retainHandling = (options >> 4) & 3;
  // "It is a Protocol Error" [3.8.3.1], for both.
  if (qos === 3) fields.fail(REASON.protocolError, 'a subscription with QoS 3');
  if (retainHandling === 3) fields.fail(REASON.protocolError, 'retain handling 3');
  const share = shareOf(filter);
  const isForm = judgeFilter(fields, filter, share, version);
  const noLocal = (options & 4) !== 0;
  if (noLocal && share !== undefined)
    fields.fail(REASON.protocolError, 'no local on a shared subscription [MQTT-3.8.3-4]');
  return {
    filter,
    qos: qos === 0 ? 0 : qos === 1 ? 1 : 2,
    noLocal,
    retainAsPublished: (options & 8) !== 0,
    retainHandling: retainHandling === 0 ? 0 : retainHandling === 1 ? 1 : 2,
    share,
    invalid: isForm && fitsLimits(filter) ? undefined : REASON.filterInvalid,
  };
}

/**
 * A filter against the rules of 4.7 makes its packet malformed: 0x8F of SUBACK is for one that is "correctly formed, but
 * not allowed" [table 3-8]. `$share/` without group or filter breaks 4.8.2 of version 5; before, it is only a strange
 * name, that we do not take: false.
 */
function judgeFilter(
  fields: Fields,
  filter: string,
  share: Share | undefined,
  version: ProtocolVersion,
): boolean {
  const isShareBroken = isShared(filter) && share === undefined;
  if (!isFilter(filter) || (isShareBroken && version === 5))
    fields.fail(REASON.malformed, 'a topic filter is not well-formed');
  return !isShareBroken;
}

export function parseUnsubscribe(
  version: ProtocolVersion,
  bytes: Buffer,
  start: number,
  end: number,
): UnsubscribePacket | Fault {
  const fields = new Fields(bytes, start, end);
  const packetId = fields.packetId();
  if (version === 5) readProperties(fields, PLACE.unsubscribe);
  const filters: string[] = [];
  // [MQTT-3.10.3-2].
  if (fields.atEnd) fields.fail(REASON.protocolError, 'UNSUBSCRIBE without a filter');
  while (fields.hasMore) {
    const filter = fields.text();
    judgeFilter(fields, filter, shareOf(filter), version);
    filters.push(filter);
  }
  return fields.fault ?? { packetId, filters };
}
