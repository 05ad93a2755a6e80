/** Reads PUBACK, PUBREC, PUBREL and PUBCOMP of all versions [3.4 to 3.7]. */
import { Fields } from './fields.ts';
import { PLACE, readProperties } from './properties.ts';
import { type Fault, REASON } from './reason.ts';
import type { ProtocolVersion } from './version.ts';

export interface AcknowledgementPacket {
  readonly packetId: number;
  readonly reason: number;
}

const RECEIVED: ReadonlySet<number> = new Set([
  REASON.success,
  REASON.noMatchingSubscribers,
  REASON.unspecified,
  REASON.implementationSpecific,
  REASON.notAuthorized,
  REASON.topicInvalid,
  REASON.packetIdInUse,
  REASON.quotaExceeded,
  REASON.payloadFormatInvalid,
]);
const RELEASED: ReadonlySet<number> = new Set([REASON.success, REASON.packetIdNotFound]);
const PUBREC = 5;

export function parseAcknowledgement(
  version: ProtocolVersion,
  type: 4 | 5 | 6 | 7,
  bytes: Buffer,
  start: number,
  end: number,
): AcknowledgementPacket | Fault {
  // Nearly all of them: the id and nothing more, which means success [3.4.2.1].
  if (end - start === 2) {
    const packetId = ((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0);
    if (packetId !== 0) return { packetId, reason: REASON.success };
  }
  const fields = new Fields(bytes, start, end);
  const packetId = fields.packetId();
  const reason = version === 5 && fields.hasMore ? fields.byte() : REASON.success;
  // Without a property length there are no properties [3.4.2.2.1].
  if (version === 5 && fields.hasMore) readProperties(fields, PLACE.acknowledgement);
  if (!fields.atEnd) fields.fail(REASON.malformed, 'an acknowledgement is longer than its fields');
  // [MQTT-3.4.2-1, MQTT-3.5.2-1, MQTT-3.6.2-1, MQTT-3.7.2-1].
  if (!(type <= PUBREC ? RECEIVED : RELEASED).has(reason))
    fields.fail(REASON.protocolError, `0x${reason.toString(16)} is no reason of this acknowledgement`);
  return fields.fault ?? { packetId, reason };
}
