/** What a client is told when it is not let in, or put out: as far as its version has words, and takes packets of that size. */
import type { DisconnectReason } from '../../../model/presence.ts';
import { type Fault, REASON } from '../codec/reason.ts';
import type { ProtocolVersion } from '../codec/version.ts';
import { connack, disconnect } from '../codec/write.ts';

/** What DISCONNECT says of an end that is the server's doing. */
export const REASON_OF: Readonly<Record<DisconnectReason, number | undefined>> = {
  clean: undefined,
  network: undefined,
  'keep-alive': REASON.keepAliveTimeout,
  'taken-over': REASON.sessionTakenOver,
  'protocol-error': REASON.protocolError,
  kicked: REASON.administrativeAction,
  shutdown: REASON.serverShuttingDown,
};

/** Before version 5 these are closed on without a word. */
const SILENT: ReadonlySet<number> = new Set([
  REASON.malformed,
  REASON.protocolError,
  REASON.topicInvalid,
  REASON.sessionTakenOver,
]);

/** CONNACK that says no; undefined: nothing. Words only where they fit [MQTT-3.2.2-19]. */
export function rejection(
  { fault: reason, why }: Fault,
  version: ProtocolVersion,
  maximumPacketSize = Number.POSITIVE_INFINITY,
): Buffer | undefined {
  if (version !== 5 && SILENT.has(reason)) return undefined;
  const plain = { version, sessionPresent: false, reason };
  const long = connack({ ...plain, properties: { reasonString: why } });
  return long.length <= maximumPacketSize ? long : connack(plain);
}

/** DISCONNECT of version 5. Words only where they fit [MQTT-3.14.2-3]. */
export function farewell(
  reason: number,
  why: string | undefined,
  maximumPacketSize = Number.POSITIVE_INFINITY,
): Buffer {
  const bare = disconnect(reason);
  const long = why === undefined ? bare : disconnect(reason, { reasonString: why });
  return long.length <= maximumPacketSize ? long : bare;
}
