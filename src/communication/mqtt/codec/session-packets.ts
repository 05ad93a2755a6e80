/** Reads what ends or re-opens a session's doors: DISCONNECT [3.14] of all versions, AUTH [3.15] of version 5. */
import { Fields } from './fields.ts';
import { PLACE, readProperties } from './properties.ts';
import { type Fault, REASON } from './reason.ts';
import type { ProtocolVersion } from './version.ts';

export interface DisconnectPacket {
  readonly reason: number;
  readonly sessionExpiryS: number | undefined;
}

export interface AuthPacket {
  readonly reason: number;
  readonly method: string | undefined;
  readonly data: Buffer | undefined;
}

/** Those of table 3-10 that a client may send. */
const FROM_CLIENTS: ReadonlySet<number> = new Set([
  REASON.success,
  REASON.disconnectWithWill,
  REASON.unspecified,
  REASON.malformed,
  REASON.protocolError,
  REASON.implementationSpecific,
  REASON.topicInvalid,
  REASON.receiveMaximumExceeded,
  REASON.topicAliasInvalid,
  REASON.packetTooLarge,
  REASON.messageRateTooHigh,
  REASON.quotaExceeded,
  REASON.administrativeAction,
  REASON.payloadFormatInvalid,
]);

export function parseDisconnect(
  version: ProtocolVersion,
  bytes: Buffer,
  start: number,
  end: number,
): DisconnectPacket | Fault {
  const fields = new Fields(bytes, start, end);
  const isLong = version === 5;
  // Nothing at all is a normal end [3.14.2.1]; without a property length there are no properties [3.14.2.2.1].
  const reason = isLong && fields.hasMore ? fields.byte() : REASON.success;
  const properties = isLong && fields.hasMore ? readProperties(fields, PLACE.disconnect) : {};
  if (!fields.atEnd) fields.fail(REASON.malformed, 'DISCONNECT is longer than its fields');
  if (!FROM_CLIENTS.has(reason))
    fields.fail(REASON.protocolError, `a client cannot end for 0x${reason.toString(16)} [MQTT-3.14.2-1]`);
  if (properties.serverReference !== undefined)
    fields.fail(REASON.protocolError, 'a client sent a server reference [3.14.2.2.5]');
  return fields.fault ?? { reason, sessionExpiryS: properties.sessionExpiryS };
}

export function parseAuth(bytes: Buffer, start: number, end: number): AuthPacket | Fault {
  const fields = new Fields(bytes, start, end);
  // Nothing at all is success [3.15.2.1], which is the server's to say.
  const reason = fields.hasMore ? fields.byte() : REASON.success;
  const properties = fields.hasMore ? readProperties(fields, PLACE.auth) : {};
  if (!fields.atEnd) fields.fail(REASON.malformed, 'AUTH is longer than its fields');
  if (reason !== REASON.continueAuthentication && reason !== REASON.reAuthenticate)
    fields.fail(REASON.protocolError, `0x${reason.toString(16)} is no AUTH of a client [MQTT-3.15.2-1]`);
  const { authenticationMethod: method, authenticationData } = properties;
  if (method === undefined) fields.fail(REASON.protocolError, 'AUTH without its method [3.15.2.2.2]');
  const data = authenticationData === undefined ? undefined : Buffer.from(authenticationData);
  return fields.fault ?? { reason, method, data };
}
