/** MQTT 5 properties of a message on its way over a bridge, with the count of bridges it has crossed. */
import type { IPublishPacket } from 'mqtt';
import { BRIDGE_HOPS_MAX } from '../../base/limits.ts';

type Properties = NonNullable<IPublishPacket['properties']>;

/** A user property: other bridges of ours read it, other servers pass it on [MQTT-3.3.2-17]. */
const HOPS = 'sensorium-hops';

/** As the other side gets them; undefined for a message that has crossed too many bridges: it goes in a ring. */
export function crossed(properties: Properties = {}): Properties | undefined {
  const hops = hopsOf(properties) + 1;
  if (hops > BRIDGE_HOPS_MAX) return undefined;
  // Aliases and identifiers are each connection's own [MQTT-3.3.2-7, MQTT-3.3.4-6].
  const { topicAlias: _alias, subscriptionIdentifier: _id, ...passed } = properties;
  return { ...passed, userProperties: { ...passed.userProperties, [HOPS]: String(hops) } };
}

/** Of several the highest; what is no number was not written by a bridge. */
function hopsOf({ userProperties }: Properties): number {
  const counts = [userProperties?.[HOPS] ?? []].flat().map(Number);
  return Math.max(0, ...counts.filter((count) => Number.isSafeInteger(count)));
}

/** Bytes of a PUBLISH at most: what is larger than the receiver takes must not be sent to it [MQTT-3.1.2-24]. */
export function sizeAtMost(topic: string, payload: Uint8Array | string, properties: Properties): number {
  const { contentType = '', responseTopic = '', correlationData = '', userProperties = {} } = properties;
  const texts = [topic, contentType, responseTopic];
  for (const [name, values] of Object.entries(userProperties)) {
    for (const value of [values].flat()) texts.push(name, value);
  }
  // Each text has a length and at most an identifier; the rest: both lengths, packet id, format, expiry.
  const properly = texts.reduce((sum, text) => sum + Buffer.byteLength(text) + 3, 0);
  return properly + correlationData.length + Buffer.byteLength(payload) + 24;
}
