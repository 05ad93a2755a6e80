import { Fields } from './fields.ts';
import { isTopic } from './topics.ts';

export interface ConnectPacket {
  readonly clientId: string;
  readonly clean: boolean;
  readonly keepAliveS: number;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly will:
    | { readonly topic: string; readonly payload: Buffer; readonly qos: 0 | 1 | 2; readonly retain: boolean }
    | undefined;
}

/** CONNACK return codes [3.1.1, table 3.1]. */
export const CONNACK = {
  accepted: 0,
  protocol: 1,
  identifier: 2,
  unavailable: 3,
  credentials: 4,
  unauthorized: 5,
} as const;

/** Reads CONNECT. `malformed`: close without a word. A number: answer CONNACK with it, then close. */
export function parseConnect(
  bytes: Buffer,
  start: number,
  end: number,
): ConnectPacket | 'malformed' | number {
  const fields = new Fields(bytes, start, end);
  const protocol = fields.text();
  const level = fields.byte();
  // MQIsdp/3 is MQTT 3.1. Another level gets 0x01 [MQTT-3.1.2-2], another name may be closed on [MQTT-3.1.2-1].
  const known = (protocol === 'MQTT' && level === 4) || (protocol === 'MQIsdp' && level === 3);
  if (!fields.wellFormed) return 'malformed';
  if (!known) return protocol === 'MQTT' || protocol === 'MQIsdp' ? CONNACK.protocol : 'malformed';
  const flags = fields.byte();
  const keepAliveS = fields.uint16();
  const hasWill = (flags & 0x04) !== 0;
  const willQos = (flags >> 3) & 3;
  const hasName = (flags & 0x80) !== 0;
  const hasPassword = (flags & 0x40) !== 0;
  // The reserved flag is 0 [MQTT-3.1.2-3]; will QoS and retain need a will [-13, -14, -15]; a password needs a name [-22].
  if ((flags & 1) !== 0 || willQos === 3 || (!hasWill && (flags & 0x38) !== 0) || (hasPassword && !hasName))
    return 'malformed';
  const clientId = fields.text();
  const willTopic = hasWill ? fields.text() : '';
  const willPayload = hasWill ? Buffer.from(fields.binary()) : undefined;
  const username = hasName ? fields.text() : undefined;
  const password = hasPassword ? Buffer.from(fields.binary()) : undefined;
  if (!fields.wellFormed || !fields.atEnd || (hasWill && !isTopic(willTopic))) return 'malformed';
  const clean = (flags & 0x02) !== 0;
  // Without an id there is nothing to keep a session under [MQTT-3.1.3-8].
  if (clientId === '' && !clean) return CONNACK.identifier;
  const qos = willQos === 0 ? 0 : willQos === 1 ? 1 : 2;
  const will =
    willPayload === undefined
      ? undefined
      : ({ topic: willTopic, payload: willPayload, qos, retain: (flags & 0x20) !== 0 } as const);
  return { clientId, clean, keepAliveS, username, password, will };
}
