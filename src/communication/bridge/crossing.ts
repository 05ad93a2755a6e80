/**
 * Both connections of a bridge, from the first CONNECT until either ends: they live and die together, so that all that is
 * not acknowledged waits in the sessions of the two servers and nowhere here. It must not know when to try again.
 */
import { duplexPair } from 'node:stream';
import type { MqttClient } from 'mqtt';
import type { Clock } from '../../base/clock.ts';
import { BRIDGE_CONNECT_TIMEOUT_MS, BRIDGE_WINDOW, MQTT_SESSION_EXPIRY_MAX_S } from '../../base/limits.ts';
import type { Principal } from '../../model/ports/security.ts';
import type { Accepted } from '../mqtt/transport/link.ts';
import type { BridgeRecord } from './bridge-record.ts';
import type { BridgeSettings } from './bridge-settings.ts';
import { EchoGuard } from './echo-guard.ts';
import { type BridgeDrop, Lane } from './lane.ts';
import { ONCE, type Peer, peerOf } from './peer.ts';
import { remoteOptions } from './remote.ts';
import { TopicMap } from './topic-map.ts';

/** The door of our own server. */
export type AcceptLink = (accepted: Accepted, principal: Principal) => void;

export interface CrossingOptions {
  readonly settings: BridgeSettings;
  readonly record: BridgeRecord;
  readonly accept: AcceptLink;
  readonly clock: Clock;
  /** Tell a 3.1.1 server that this is a bridge. */
  readonly saysBridge: boolean;
  readonly forwarded: (direction: 'in' | 'out') => void;
  readonly dropped: (reason: BridgeDrop) => void;
}

export class Crossing {
  readonly #options: CrossingOptions;
  readonly #outward: TopicMap;
  readonly #inward: TopicMap;
  readonly #peers: Peer[] = [];
  readonly #failed = Promise.withResolvers<string>();
  #isClosed = false;

  constructor(options: CrossingOptions) {
    const { topics } = options.settings;
    this.#options = options;
    this.#outward = new TopicMap(topics, 'out');
    this.#inward = new TopicMap(topics, 'in');
  }

  /** Resolves with the reason when either connection ends. */
  get ended(): Promise<string> {
    return Promise.race([this.#failed.promise, ...this.#peers.map((peer) => peer.ended)]);
  }

  /** Resolves when messages cross; rejects with the reason. */
  async open(): Promise<void> {
    const { settings, record, saysBridge, forwarded, dropped, clock } = this.#options;
    const isOld = settings.version === 4;
    const echoes = isOld && !saysBridge ? new EchoGuard(clock) : undefined;
    const failed = (reason: string): void => this.#failed.resolve(reason);
    const mqtt = await import('mqtt');
    const clientId = settings.clientId ?? (await record.clientId());
    const remoteClient = mqtt.connect(settings.url, await remoteOptions(settings, clientId));
    const remote = this.#own(peerOf(remoteClient, 'the other server', isOld && saysBridge));
    const inward = new Lane({
      map: this.#inward,
      source: remote.client,
      isEcho: echoes && ((topic, payload) => echoes.isEcho(topic, payload)),
      forwarded: () => forwarded('in'),
      dropped,
      failed,
    });
    const { properties } = await remote.connect();
    const local = this.#own(peerOf(this.#local(mqtt.MqttClient, properties?.receiveMaximum), 'this server'));
    const outward = new Lane({
      map: this.#outward,
      source: local.client,
      leaving:
        echoes &&
        ((topic, payload) => {
          if (this.#inward.translate(topic) !== undefined) echoes.sent(topic, payload);
        }),
      forwarded: () => forwarded('out'),
      dropped,
      failed,
    });
    // Before the first message of a kept session can come.
    outward.open({
      client: remote.client,
      maximumPacketSize: properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY,
    });
    const own = await local.connect();
    const maximumPacketSize = own.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY;
    inward.open({ client: local.client, maximumPacketSize });
    const overdue = setTimeout(() => failed('subscriptions are not answered'), BRIDGE_CONNECT_TIMEOUT_MS);
    await Promise.race([this.#subscribe(local.client, remote.client), this.ended.then(fail)]).finally(() =>
      clearTimeout(overdue),
    );
  }

  close(): void {
    this.#isClosed = true;
    for (const peer of this.#peers) peer.close();
  }

  #own(peer: Peer): Peer {
    this.#peers.push(peer);
    // Closed while files were read: nobody else would end it.
    if (this.#isClosed) throw new Error('closed');
    return peer;
  }

  /** As many at once as the other server takes: what it cannot take yet waits in our log. */
  #local(Client: typeof MqttClient, receiveMaximum = BRIDGE_WINDOW): MqttClient {
    const { settings, accept } = this.#options;
    const { name } = settings;
    const principal = { kind: 'user', id: `bridge-${name}`, role: 'operator' } as const;
    const build = () => {
      const [ours, theirs] = duplexPair({ allowHalfOpen: false });
      ours.once('close', () => theirs.destroy());
      theirs.once('close', () => ours.destroy());
      const address = `bridge:${name}`;
      accept({ socket: ours, listener: 'mqtt', address, certificateName: undefined }, principal);
      return theirs;
    };
    return new Client(build, {
      ...ONCE,
      protocolVersion: 5,
      clientId: `bridge-${name}`,
      clean: false,
      keepalive: 0,
      connectTimeout: BRIDGE_CONNECT_TIMEOUT_MS,
      properties: {
        sessionExpiryInterval: MQTT_SESSION_EXPIRY_MAX_S,
        receiveMaximum: Math.min(BRIDGE_WINDOW, receiveMaximum),
      },
    });
  }

  async #subscribe(local: MqttClient, remote: MqttClient): Promise<void> {
    const { record, settings } = this.#options;
    const [outward, inward] = [this.#outward.filters, this.#inward.filters];
    const now = { local: [...outward.keys()], remote: [...inward.keys()] };
    const stale = record.stale(now);
    if (stale.local.length > 0) await local.unsubscribeAsync([...stale.local]);
    if (stale.remote.length > 0) await remote.unsubscribeAsync([...stale.remote]);
    await record.subscribed(now);
    await Promise.all([subscribe(local, outward, 5), subscribe(remote, inward, settings.version)]);
  }
}

const fail = (reason: string): never => {
  throw new Error(reason);
};

/** Not its own, retained as published, and what is retained when the subscription is new [3.8.3.1]. */
async function subscribe(
  client: MqttClient,
  filters: ReadonlyMap<string, 0 | 1>,
  version: 4 | 5,
): Promise<void> {
  if (filters.size === 0) return;
  const options = version === 5 ? { nl: true, rap: true, rh: 1 } : {};
  await client.subscribeAsync(
    Object.fromEntries([...filters].map(([filter, qos]) => [filter, { qos, ...options }])),
  );
}
