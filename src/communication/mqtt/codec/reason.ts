/**
 * The reason codes of MQTT 5 [table 2-6] and the return codes of CONNACK before it [3.1.1, table 3.1]. The rest of the
 * server thinks in reasons of version 5; what an older client is told, if anything, is derived from them here.
 */
export const REASON = {
  success: 0,
  grantedQos1: 1,
  grantedQos2: 2,
  disconnectWithWill: 4,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  continueAuthentication: 0x18,
  reAuthenticate: 0x19,
  unspecified: 0x80,
  malformed: 0x81,
  protocolError: 0x82,
  implementationSpecific: 0x83,
  unsupportedVersion: 0x84,
  clientIdInvalid: 0x85,
  badCredentials: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverBusy: 0x89,
  banned: 0x8a,
  serverShuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  filterInvalid: 0x8f,
  topicInvalid: 0x90,
  packetIdInUse: 0x91,
  packetIdNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  messageRateTooHigh: 0x96,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  payloadFormatInvalid: 0x99,
  retainNotSupported: 0x9a,
  qosNotSupported: 0x9b,
  useAnotherServer: 0x9c,
  serverMoved: 0x9d,
  sharedNotSupported: 0x9e,
  connectionRateExceeded: 0x9f,
  maximumConnectTime: 0xa0,
  subscriptionIdsNotSupported: 0xa1,
  wildcardNotSupported: 0xa2,
} as const;

const CONNACK_V3 = {
  accepted: 0,
  protocol: 1,
  identifier: 2,
  unavailable: 3,
  credentials: 4,
  unauthorized: 5,
} as const;

/** What CONNACK of 3.1 and 3.1.1 says for a reason: six words for all of them. */
export function connackV3(reason: number): number {
  switch (reason) {
    case REASON.success:
      return CONNACK_V3.accepted;
    case REASON.unsupportedVersion:
      return CONNACK_V3.protocol;
    case REASON.clientIdInvalid:
      return CONNACK_V3.identifier;
    case REASON.badCredentials:
      return CONNACK_V3.credentials;
    case REASON.notAuthorized:
    case REASON.banned:
      return CONNACK_V3.unauthorized;
    default:
      return CONNACK_V3.unavailable;
  }
}

/** Bytes that break the rules: the reason to close with, and what was wrong, for reason strings and logs. */
export interface Fault {
  readonly fault: number;
  readonly why: string;
}

export const isFault = (x: object): x is Fault => 'fault' in x;
