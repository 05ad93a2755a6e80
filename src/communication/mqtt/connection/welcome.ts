import { MQTT_RECEIVE_MAXIMUM, MQTT_TOPIC_ALIAS_MAX } from '../../../base/limits.ts';
import type { ConnectPacket } from '../codec/connect.ts';
import { MAXIMUM_PACKET_SIZE } from '../codec/framing.ts';
import { REASON } from '../codec/reason.ts';
import { connack } from '../codec/write.ts';
import type { Session } from '../session/session.ts';

/**
 * CONNACK that says yes, with the server's values [3.2.2.3]. A client that takes no packet of that size
 * [MQTT-3.2.2-19] is told only what it cannot do without, or nothing: then it cannot be let in.
 */
export function welcomeOf(
  packet: ConnectPacket,
  session: Session,
  isPresent: boolean,
  { method, data }: { readonly method: string | undefined; readonly data: Uint8Array | undefined },
): Buffer | undefined {
  const { version, clientId, sessionExpiryS, wantsResponseInformation, maximumPacketSize } = packet;
  const plain = { version, sessionPresent: isPresent, reason: REASON.success };
  if (version !== 5) return connack(plain);
  const { principal } = session;
  const needed = {
    ...(sessionExpiryS === session.expiryS ? {} : { sessionExpiryS: session.expiryS }),
    ...(clientId === '' ? { assignedClientId: session.clientId } : {}),
    ...(method === undefined ? {} : { authenticationMethod: method }),
    ...(method === undefined || data === undefined ? {} : { authenticationData: data }),
  };
  const responseInformation =
    wantsResponseInformation && principal.kind === 'device' ? `v1/${principal.id}/` : undefined;
  const full = connack({
    ...plain,
    properties: {
      ...needed,
      ...(responseInformation === undefined ? {} : { responseInformation }),
      receiveMaximum: MQTT_RECEIVE_MAXIMUM,
      maximumPacketSize: MAXIMUM_PACKET_SIZE,
      topicAliasMaximum: MQTT_TOPIC_ALIAS_MAX,
    },
  });
  if (full.length <= maximumPacketSize) return full;
  const short = connack({ ...plain, properties: needed });
  return short.length <= maximumPacketSize ? short : undefined;
}
