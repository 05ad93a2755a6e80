/** One sound packet of each kind a client sends, with all its properties: to be damaged. */
import type { ProtocolVersion } from './version.ts';

const user = { userProperties: { k: 'v', l: 'w' } };
const WILL = { topic: 't', payload: Buffer.from('w'), qos: 1, retain: false };
const connectOf = (version: ProtocolVersion, more: object = {}) => ({
  cmd: 'connect',
  protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
  protocolVersion: version,
  clientId: 'c',
  clean: true,
  keepalive: 1,
  username: 'u',
  password: Buffer.from('p'),
  will: WILL,
  ...more,
});

export const SOUND: readonly (readonly [version: ProtocolVersion, packet: object])[] = [
  [3, connectOf(3)],
  [4, connectOf(4)],
  [5, connectOf(5)],
  [
    5,
    connectOf(5, {
      properties: {
        sessionExpiryInterval: 1,
        receiveMaximum: 1,
        maximumPacketSize: 1,
        topicAliasMaximum: 1,
        requestResponseInformation: true,
        requestProblemInformation: true,
        authenticationMethod: 'm',
        authenticationData: Buffer.from('d'),
        ...user,
      },
    }),
  ],
  [
    5,
    connectOf(5, {
      will: {
        ...WILL,
        properties: {
          willDelayInterval: 1,
          payloadFormatIndicator: true,
          messageExpiryInterval: 1,
          contentType: 't',
          responseTopic: 'r',
          correlationData: Buffer.from('d'),
          ...user,
        },
      },
    }),
  ],
  [
    5,
    {
      cmd: 'publish',
      topic: 't',
      qos: 0,
      dup: false,
      retain: false,
      payload: Buffer.from('payload'),
      properties: {
        payloadFormatIndicator: true,
        messageExpiryInterval: 1,
        topicAlias: 1,
        responseTopic: 'r',
        correlationData: Buffer.from('d'),
        contentType: 't',
        ...user,
      },
    },
  ],
  ...[3 as const, 4 as const, 5 as const].flatMap(
    (version) =>
      [
        [
          version,
          {
            cmd: 'subscribe',
            messageId: 1,
            properties: { subscriptionIdentifier: 1, ...user },
            subscriptions: [
              { topic: 'a/b', qos: 1 },
              { topic: '$share/g/#', qos: 0 },
            ],
          },
        ],
        [version, { cmd: 'unsubscribe', messageId: 1, properties: user, unsubscriptions: ['a/b', '#'] }],
      ] as const,
  ),
  // Before version 5 they are two bytes: nothing to damage.
  ...['puback', 'pubrec', 'pubrel', 'pubcomp'].map(
    (cmd) => [5, { cmd, messageId: 1, reasonCode: 0, properties: { reasonString: 'r', ...user } }] as const,
  ),
  [
    5,
    {
      cmd: 'disconnect',
      reasonCode: 4,
      properties: { sessionExpiryInterval: 1, reasonString: 'r', ...user },
    },
  ],
  [
    5,
    {
      cmd: 'auth',
      reasonCode: 0x18,
      properties: {
        authenticationMethod: 'm',
        authenticationData: Buffer.from('d'),
        reasonString: 'r',
        ...user,
      },
    },
  ],
];
