/** Which packet may come when, judged by its first byte; and the faults that a connection finds itself. */
import { type Fault, REASON } from '../codec/reason.ts';
import type { ProtocolVersion } from '../codec/version.ts';

/** CONNECT to DISCONNECT as clients send them; AUTH besides in version 5. */
const FROM_CLIENTS: ReadonlySet<number> = new Set([1, 3, 4, 5, 6, 7, 8, 10, 12, 14]);
/** What clients never send, but a server: a protocol error rather than malformed. */
const FROM_SERVERS: ReadonlySet<number> = new Set([2, 9, 11, 13]);
/** PUBREL, SUBSCRIBE and UNSUBSCRIBE have flags 2, all others but PUBLISH 0 [table 2-2]. */
const WITH_FLAGS_2: ReadonlySet<number> = new Set([6, 8, 10]);
const CONNECT = 1;
const PUBLISH = 3;
const DISCONNECT = 14;
const AUTH = 15;

const fault = (reason: number, why: string): Fault => ({ fault: reason, why });
export const RULES = {
  notConnect: fault(REASON.protocolError, 'the first packet is no CONNECT [MQTT-3.1.0-1]'),
  secondConnect: fault(REASON.protocolError, 'a second CONNECT [MQTT-3.1.0-2]'),
  badFlags: fault(REASON.malformed, 'reserved flags of a fixed header [MQTT-2.1.3-1]'),
  wrongWay: fault(REASON.protocolError, 'a packet that only servers send'),
  unknownType: fault(REASON.malformed, 'a packet of no known type'),
  notAuth: fault(REASON.protocolError, 'another packet during authentication [MQTT-4.12.0-3]'),
  notEmpty: fault(REASON.malformed, 'PINGREQ with a body'),
  badExpiry: fault(REASON.protocolError, 'an expiry for a session that had none [3.14.2.2.2]'),
  badLength: fault(REASON.malformed, 'a remaining length that is none [2.1.4]'),
  answerTooLarge: fault(REASON.packetTooLarge, 'the answer is larger than the client takes [MQTT-3.1.2-24]'),
  tooLarge: fault(REASON.packetTooLarge, 'a packet over the maximum packet size'),
} as const;

/** Undefined where a packet with this first byte may come now. */
export function headerFault(
  header: number,
  state: 'new' | 'authenticating' | 'exchanging' | 'open' | 'closed',
  version: ProtocolVersion,
): Fault | undefined {
  const type = header >> 4;
  if (type === PUBLISH && state === 'open') return undefined;
  const isAuth = type === AUTH && version === 5 && state !== 'new';
  if (!isAuth && !FROM_CLIENTS.has(type)) return FROM_SERVERS.has(type) ? RULES.wrongWay : RULES.unknownType;
  if (type !== PUBLISH && (header & 0x0f) !== (WITH_FLAGS_2.has(type) ? 2 : 0)) return RULES.badFlags;
  if (state === 'new') return type === CONNECT ? undefined : RULES.notConnect;
  if (type === CONNECT) return RULES.secondConnect;
  if (state === 'exchanging' && !isAuth && type !== DISCONNECT) return RULES.notAuth;
  return undefined;
}
