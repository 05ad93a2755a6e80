/**
 * What a client might say: whole, sound packets in an order that makes sense, with the corners of the format (empty
 * levels, assigned ids, aliases, tiny receive maxima) far more often than in life. Mutations are made elsewhere.
 */
import { generate, type IConnectPacket, type Packet, type QoS } from 'mqtt-packet';
import type { Random } from '../../../base/random.ts';

export type Version = 3 | 4 | 5;

export const pick = <T>(random: Random, values: readonly T[]): T => {
  const value = values[Math.floor(random.next() * values.length)];
  if (value === undefined) throw new RangeError('nothing to pick from');
  return value;
};
export const upTo = (random: Random, max: number): number => Math.floor(random.next() * (max + 1));
export const chance = (random: Random, share: number): boolean => random.next() < share;

const USERS = ['admin', 'd0', 'd1', 'd2'] as const;
/** Few enough that sessions are taken over and taken up again. */
const CLIENT_IDS_MAX = 60;
/** '' = the server assigns one. */
const ODD_CLIENT_IDS = ['', 'ü', 'c/+#', '$', ' '] as const;
const TOPICS = [
  'v1/d0/telemetry',
  'v1/d1/x',
  'v1/d2/a/b/c',
  'a',
  '/',
  '//',
  'a/',
  'é/𝄞',
  '$SYS/a',
  'v1',
] as const;
const FILTERS = [
  '#',
  '+',
  '+/+',
  '/+',
  '+/',
  '//',
  '/#',
  'v1/#',
  'v1/+/telemetry',
  'v1/d0/#',
  'a',
  '$SYS/#',
  'é/+',
];
const SHARED = ['$share/g/#', '$share/g/v1/+/x', '$share/ü/a'] as const;
const PAYLOAD_SIZES = [0, 1, 2, 20, 100, 127, 128, 1_000] as const;
/** Over the socket's buffer, the outbox's patience, and the unauthenticated limit. */
const LARGE_PAYLOADS = [16_384, 66_000, 300_000] as const;
const LARGE_SHARE = 0.003;
/** Packet ids a script uses: so few that they are soon used twice. */
const IDS = 8;

export class Script {
  readonly #random: Random;
  readonly #version: Version;
  readonly #user: string;
  readonly #aliases = new Set<number>();

  constructor(random: Random) {
    this.#random = random;
    this.#version = pick(random, [3, 4, 4, 5, 5, 5] as const);
    this.#user = pick(random, USERS);
  }

  get version(): Version {
    return this.#version;
  }

  connect(): Buffer {
    const random = this.#random;
    const is5 = this.#version === 5;
    // 3.1 has no empty id, and `mqtt-packet` writes none.
    const isOdd = this.#version !== 3 && chance(random, 0.1);
    const clientId = isOdd ? pick(random, ODD_CLIENT_IDS) : `c${upTo(random, CLIENT_IDS_MAX)}`;
    const packet: IConnectPacket = {
      cmd: 'connect',
      protocolId: this.#version === 3 ? 'MQIsdp' : 'MQTT',
      protocolVersion: this.#version,
      clientId,
      // Without an id a session is a clean one (MQTT 5 would allow the other; `mqtt-packet` does not write it).
      clean: chance(random, 0.5) || clientId === '',
      keepalive: pick(random, [0, 0, 1, 60, 65_535]),
      username: this.#user,
      password: Buffer.from(chance(random, 0.97) ? 'right' : 'wrong'),
    };
    if (chance(random, 0.3)) packet.will = this.#will();
    if (is5 && chance(random, 0.8)) packet.properties = this.#connectProperties();
    return this.encode(packet);
  }

  /** One more packet; PUBLISH most of the time. */
  next(): Buffer {
    const random = this.#random;
    const at = random.next();
    if (at < 0.7) return this.#publish();
    if (at < 0.88) return this.#subscribe();
    if (at < 0.94) return this.#unsubscribe();
    if (at < 0.985) return this.encode({ cmd: 'pingreq' });
    if (at < 0.992) return this.#stray();
    if (at < 0.994 && this.#version === 5) return this.#auth();
    return this.#disconnect();
  }

  encode(packet: Packet): Buffer {
    return generate(packet, { protocolVersion: this.#version });
  }

  #will(): NonNullable<IConnectPacket['will']> {
    const random = this.#random;
    const topic = chance(random, 0.1) ? pick(random, TOPICS) : `v1/${this.#user}/telemetry`;
    const payload = Buffer.from('gone');
    const will = { topic, payload, qos: this.#qos(), retain: chance(random, 0.3) };
    if (this.#version !== 5 || chance(random, 0.5)) return will;
    const [willDelayInterval, messageExpiryInterval] = [upTo(random, 2), upTo(random, 100)];
    const userProperties = { w: 'x' };
    return { ...will, properties: { willDelayInterval, messageExpiryInterval, userProperties } };
  }

  #connectProperties(): NonNullable<IConnectPacket['properties']> {
    const random = this.#random;
    const properties: NonNullable<IConnectPacket['properties']> = {
      sessionExpiryInterval: pick(random, [0, 1, 60, 86_400, 0xffff_ffff]),
      topicAliasMaximum: pick(random, [0, 1, 10, 65_535]),
    };
    if (chance(random, 0.5)) properties.receiveMaximum = pick(random, [1, 2, 10, 65_535]);
    if (chance(random, 0.3)) properties.maximumPacketSize = pick(random, [1, 20, 50, 1_000, 0xffff_ffff]);
    if (chance(random, 0.3)) properties.requestProblemInformation = chance(random, 0.5);
    if (chance(random, 0.3)) properties.requestResponseInformation = chance(random, 0.5);
    if (chance(random, 0.3)) properties.userProperties = { a: ['1', '2'], é: '' };
    if (chance(random, 0.05)) {
      properties.authenticationMethod = pick(random, ['SCRAM-SHA-256', 'OTHER']);
      properties.authenticationData = Buffer.from('n,,n=admin,r=abcdefgh');
    }
    return properties;
  }

  #publish(): Buffer {
    const random = this.#random;
    const qos = this.#qos();
    const messageId = 1 + upTo(random, IDS - 1);
    const sizes = chance(random, LARGE_SHARE) ? LARGE_PAYLOADS : PAYLOAD_SIZES;
    const payload = Buffer.alloc(pick(random, sizes), '1');
    // What a device may not publish ends its connection, before MQTT 5.
    const isOwn = chance(random, this.#user === 'admin' ? 0.5 : 0.995);
    const topic = isOwn ? `v1/${this.#user}/telemetry` : pick(random, TOPICS);
    const flags = { retain: chance(random, 0.1), dup: qos > 0 && chance(random, 0.2) };
    const base = { cmd: 'publish', topic, payload, qos, ...flags } as const;
    const id = qos > 0 ? { messageId } : {};
    if (this.#version !== 5 || chance(random, 0.5)) return this.encode({ ...base, ...id });
    const properties = this.#publishProperties();
    if (chance(random, 0.6)) return this.encode({ ...base, ...id, properties });
    const topicAlias = 1 + upTo(random, 4);
    const known = this.#aliases.has(topicAlias) && chance(random, 0.5) ? { topic: '' } : {};
    this.#aliases.add(topicAlias);
    return this.encode({ ...base, ...id, ...known, properties: { ...properties, topicAlias } });
  }

  #publishProperties(): Readonly<Record<string, unknown>> {
    const random = this.#random;
    return {
      ...(chance(random, 0.3) ? { messageExpiryInterval: upTo(random, 3) } : {}),
      ...(chance(random, 0.2) ? { payloadFormatIndicator: chance(random, 0.5) } : {}),
      ...(chance(random, 0.2) ? { responseTopic: 'v1/d0/reply', correlationData: Buffer.from([0, 1]) } : {}),
      ...(chance(random, 0.2) ? { contentType: 'text/plain' } : {}),
      ...(chance(random, 0.3) ? { userProperties: { k: ['v', 'w'], é: 'ü' } } : {}),
    };
  }

  #subscribe(): Buffer {
    const random = this.#random;
    const subscriptions = Array.from({ length: 1 + upTo(random, 3) }, () => {
      const isShared = chance(random, 0.15);
      const topic = pick(random, isShared ? SHARED : FILTERS);
      if (this.#version !== 5) return { topic, qos: this.#qos() };
      const nl = !isShared && chance(random, 0.3);
      return { topic, qos: this.#qos(), nl, rap: chance(random, 0.5), rh: upTo(random, 2) };
    });
    const messageId = 1 + upTo(random, IDS - 1);
    const hasId = this.#version === 5 && chance(random, 0.4);
    const subscriptionIdentifier = pick(random, [1, 127, 128, 268_435_455]);
    const properties = hasId ? { properties: { subscriptionIdentifier } } : {};
    return this.encode({ cmd: 'subscribe', messageId, subscriptions, ...properties });
  }

  #unsubscribe(): Buffer {
    const random = this.#random;
    const unsubscriptions = Array.from({ length: 1 + upTo(random, 2) }, () =>
      pick(random, [...FILTERS, ...SHARED]),
    );
    return this.encode({ cmd: 'unsubscribe', messageId: 1 + upTo(random, IDS - 1), unsubscriptions });
  }

  /** An answer to nothing. */
  #stray(): Buffer {
    const random = this.#random;
    const cmd = pick(random, ['puback', 'pubrec', 'pubrel', 'pubcomp'] as const);
    return this.encode({ cmd, messageId: 1 + upTo(random, IDS - 1) });
  }

  #auth(): Buffer {
    const authenticationData = Buffer.from('c=biws,r=abcdefgh,p=AAAA');
    const properties = { authenticationMethod: 'SCRAM-SHA-256', authenticationData };
    return this.encode({ cmd: 'auth', reasonCode: pick(this.#random, [0x18, 0x19]), properties });
  }

  #disconnect(): Buffer {
    const random = this.#random;
    if (this.#version !== 5) return this.encode({ cmd: 'disconnect' });
    const expiry = { properties: { sessionExpiryInterval: upTo(random, 10) } };
    const reasonCode = pick(random, [0, 4, 0x81]);
    return this.encode({ cmd: 'disconnect', reasonCode, ...(chance(random, 0.3) ? expiry : {}) });
  }

  #qos(): QoS {
    return pick(this.#random, [0, 1, 2] as const);
  }
}
