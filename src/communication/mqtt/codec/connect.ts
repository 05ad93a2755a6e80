/** Reads CONNECT of all versions [3.1]. */

import { isUtf8 } from 'node:buffer';
import { Fields } from './fields.ts';
import { readMessageProperties } from './message-properties.ts';
import { PLACE, type Properties, readProperties } from './properties.ts';
import { type Fault, REASON } from './reason.ts';
import { fitsLimits, isTopicName } from './topics.ts';
import type { ProtocolVersion } from './version.ts';

export interface Will {
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: 0 | 1 | 2;
  readonly retain: boolean;
  readonly delayS: number;
  readonly expiryS: number | undefined;
  /** Its properties for subscribers, as in PUBLISH. */
  readonly passed: Uint8Array;
}

export interface ConnectPacket {
  readonly version: ProtocolVersion;
  readonly clientId: string;
  /** Clean start; before version 5 it also means that the session ends with the connection. */
  readonly clean: boolean;
  readonly keepAliveS: number;
  readonly username: string | undefined;
  readonly password: Buffer | undefined;
  readonly will: Will | undefined;
  readonly sessionExpiryS: number;
  readonly receiveMaximum: number;
  /** Infinity when the client did not say. */
  readonly maximumPacketSize: number;
  readonly topicAliasMaximum: number;
  readonly wantsProblemInformation: boolean;
  readonly wantsResponseInformation: boolean;
  readonly authenticationMethod: string | undefined;
  readonly authenticationData: Buffer | undefined;
}

/**
 * Without a version it is not MQTT: close without a word. 3 and 4: CONNACK for an unknown level and a refused client id
 * only, else close. 5: CONNACK with the reason.
 */
export interface ConnectFault extends Fault {
  readonly version: ProtocolVersion | undefined;
}

/** A session of 3.1.1 that is not clean has no end. */
const SESSION_FOREVER_S = 0xffff_ffff;
const RECEIVE_MAXIMUM_DEFAULT = 65_535;

export function parseConnect(bytes: Buffer, start: number, end: number): ConnectPacket | ConnectFault {
  const fields = new Fields(bytes, start, end);
  const protocol = fields.text();
  const level = fields.byte();
  const unread = fields.fault;
  if (unread !== undefined) return { ...unread, version: undefined };
  // Another name may be closed on [MQTT-3.1.2-1]: it is another protocol.
  if (protocol !== 'MQTT' && protocol !== 'MQIsdp')
    return { version: undefined, fault: REASON.unsupportedVersion, why: 'not MQTT' };
  const version = versionOf(protocol, level);
  if (version === undefined) {
    // [MQTT-3.1.2-2]. Bridges mark a level they try with 0x80: they understand 3.1.1's answer.
    const isLater = protocol === 'MQTT' && level > 5 && level < 0x80;
    const why = `${protocol} level ${level} is not known`;
    return { version: isLater ? 5 : 4, fault: REASON.unsupportedVersion, why };
  }
  const packet = readRest(bytes, fields, version);
  return fields.fault === undefined ? packet : { ...fields.fault, version };
}

function versionOf(protocol: string, level: number): ProtocolVersion | undefined {
  if (protocol === 'MQIsdp') return level === 3 ? 3 : undefined;
  return level === 4 || level === 5 ? level : undefined;
}

function readRest(bytes: Buffer, fields: Fields, version: ProtocolVersion): ConnectPacket {
  const flags = fields.byte();
  judgeFlags(fields, flags, version);
  const keepAliveS = fields.uint16();
  const properties = version === 5 ? readProperties(fields, PLACE.connect) : {};
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined)
    fields.fail(REASON.protocolError, 'authentication data without a method');
  const clean = (flags & 0x02) !== 0;
  const clientId = fields.text();
  const will = (flags & 0x04) === 0 ? undefined : readWill(bytes, fields, flags, version);
  // 3.1 lets the flag stand for a name that is not there, and knows no empty client id.
  const hasName = (flags & 0x80) !== 0 && !(version === 3 && fields.atEnd);
  const username = hasName ? fields.text() : undefined;
  const password = (flags & 0x40) === 0 ? undefined : Buffer.from(fields.binary());
  if (!fields.atEnd) fields.fail(REASON.malformed, 'CONNECT is longer than its fields');
  // Before version 5 there is nothing to keep a session under without an id [MQTT-3.1.3-8].
  if (clientId === '' && (version === 3 || (version === 4 && !clean)))
    fields.fail(REASON.clientIdInvalid, 'a client id is needed');
  return {
    version,
    clientId,
    clean,
    keepAliveS,
    username,
    password,
    will,
    ...wishes(properties, version === 5 || clean ? 0 : SESSION_FOREVER_S),
  };
}

/** Broken flags make the packet malformed [MQTT-3.1.2-3], a will's without a will [-11, -13], QoS 3 [-12]. */
function judgeFlags(fields: Fields, flags: number, version: ProtocolVersion): void {
  if ((flags & 0x01) !== 0) fields.fail(REASON.malformed, 'the reserved flag of CONNECT is set');
  if ((flags & 0x18) === 0x18) fields.fail(REASON.malformed, 'will QoS 3');
  if ((flags & 0x04) === 0 && (flags & 0x38) !== 0)
    fields.fail(REASON.malformed, 'QoS or retain of a will that is not there');
  // [MQTT-3.1.2-22] of 3.1.1; version 5 lets a password stand alone.
  if (version !== 5 && (flags & 0xc0) === 0x40)
    fields.fail(REASON.malformed, 'a password without a user name');
}

function readWill(bytes: Buffer, fields: Fields, flags: number, version: ProtocolVersion): Will {
  const properties = version === 5 ? readMessageProperties(bytes, fields, PLACE.will) : undefined;
  const topic = fields.text();
  const payload = Buffer.from(fields.binary());
  if (!isTopicName(topic)) fields.fail(REASON.malformed, 'the will topic is no topic name');
  if (!fitsLimits(topic)) fields.fail(REASON.topicInvalid, 'the will topic is too long or too deep');
  // [3.1.3.2.3]: we do look.
  if (properties?.isUtf8 === true && !isUtf8(payload))
    fields.fail(REASON.payloadFormatInvalid, 'the will is not the UTF-8 it says it is');
  const qos = (flags >> 3) & 3;
  return {
    topic,
    payload,
    qos: qos === 0 ? 0 : qos === 1 ? 1 : 2,
    retain: (flags & 0x20) !== 0,
    delayS: properties?.willDelayS ?? 0,
    expiryS: properties?.expiryS,
    passed: Uint8Array.from(properties?.passed ?? []),
  };
}

/** What the properties ask for, or what holds where they are silent [3.1.2.11]. */
function wishes(properties: Properties, sessionExpiryS: number) {
  const { authenticationData } = properties;
  return {
    sessionExpiryS: properties.sessionExpiryS ?? sessionExpiryS,
    receiveMaximum: properties.receiveMaximum ?? RECEIVE_MAXIMUM_DEFAULT,
    maximumPacketSize: properties.maximumPacketSize ?? Number.POSITIVE_INFINITY,
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
    wantsProblemInformation: properties.requestProblemInformation !== 0,
    wantsResponseInformation: properties.requestResponseInformation === 1,
    authenticationMethod: properties.authenticationMethod,
    authenticationData: authenticationData === undefined ? undefined : Buffer.from(authenticationData),
  };
}
