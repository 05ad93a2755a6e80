/**
 * The properties of a message, in PUBLISH and in the will of CONNECT: what the server acts on, and what it hands on to
 * subscribers unaltered and in order, as bytes nobody decodes on the way [MQTT-3.3.2-17, MQTT-3.3.2-18].
 */
import type { Fields } from './fields.ts';
import { nextProperty, PLACE, readNumber } from './properties.ts';
import { REASON } from './reason.ts';
import { isTopicName } from './topics.ts';

export interface MessageProperties {
  /** 0 = none. */
  readonly topicAlias: number;
  readonly expiryS: number | undefined;
  /** Payload format indicator: the payload is UTF-8 text. */
  readonly isUtf8: boolean;
  readonly willDelayS: number;
  /**
   * Payload format, content type, response topic, correlation data and user properties, encoded. A view into the chunk
   * where they lie side by side, else a copy.
   */
  readonly passed: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** A property list with its length in front. What is wrong is told by `fields.fault`. */
export function readMessageProperties(
  bytes: Buffer,
  fields: Fields,
  place: typeof PLACE.publish | typeof PLACE.will,
): MessageProperties {
  const outer = fields.enter(fields.varint());
  let topicAlias = 0;
  let expiryS: number | undefined;
  let isUtf8 = false;
  let willDelayS = 0;
  let seen = 0;
  let passed: Uint8Array = NOTHING;
  let runStart = fields.at;
  let runEnd = runStart;
  while (fields.hasMore) {
    const from = fields.at;
    const property = nextProperty(fields, place, seen);
    if (property === undefined) break;
    seen |= property.bit;
    const { name } = property;
    if (name === 'topicAlias') topicAlias = readNumber(fields, property);
    else if (name === 'expiryS') expiryS = readNumber(fields, property);
    else if (name === 'willDelayS') willDelayS = readNumber(fields, property);
    else if (name === 'payloadFormat') isUtf8 = readNumber(fields, property) === 1;
    else if (name === 'correlationData') fields.skipBinary();
    else if (name === 'contentType') fields.skipText();
    else if (name === 'responseTopic') readResponseTopic(fields);
    else if (name === 'userProperties') {
      fields.skipText();
      fields.skipText();
    } else {
      // Subscription identifiers are for the way out only [MQTT-3.3.4-6].
      fields.fail(REASON.protocolError, 'a client sent a subscription identifier');
    }
    if (!property.isPassed) continue;
    if (runEnd !== from) {
      passed = joined(passed, bytes.subarray(runStart, runEnd));
      runStart = from;
    }
    runEnd = fields.at;
  }
  fields.leave(outer);
  if (runEnd > runStart) passed = joined(passed, bytes.subarray(runStart, runEnd));
  return { topicAlias, expiryS, isUtf8, willDelayS, passed };
}

/** A topic to publish to, so it has no wildcards [MQTT-3.3.2-14] and is not empty [MQTT-4.7.3-1]. */
function readResponseTopic(fields: Fields): void {
  if (!isTopicName(fields.text())) fields.fail(REASON.protocolError, 'the response topic is no topic name');
}

const joined = (before: Uint8Array, run: Uint8Array): Uint8Array =>
  before.length === 0 ? run : Buffer.concat([before, run]);
