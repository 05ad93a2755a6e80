/** Reads what MQTT 5 adds to PUBLISH. Topic, packet id and payload are read where they are needed, without a copy. */
import { Fields } from './fields.ts';
import { type MessageProperties, readMessageProperties } from './message-properties.ts';
import { PLACE, readPropertyList, type UserProperties } from './properties.ts';
import type { Fault } from './reason.ts';

export type PublishProperties = Omit<MessageProperties, 'willDelayS'>;

/** Properties at `at` (their length comes first); `end` is where the payload begins. */
export function parsePublishProperties(
  bytes: Buffer,
  at: number,
  limit: number,
): { readonly properties: PublishProperties; readonly end: number } | Fault {
  const fields = new Fields(bytes, at, limit);
  const properties = readMessageProperties(bytes, fields, PLACE.publish);
  return fields.fault ?? { properties, end: fields.at };
}

interface PassedProperties {
  readonly payloadFormat?: 0 | 1;
  readonly contentType?: string;
  readonly responseTopic?: string;
  readonly correlationData?: Buffer;
  readonly userProperties: UserProperties;
}

/** What `passed` says, for people and tests. */
export function decodePassed(passed: Uint8Array): PassedProperties {
  const list = Buffer.from(passed);
  const values = readPropertyList(new Fields(list, 0, list.length), PLACE.publish);
  return { userProperties: [], ...values } as PassedProperties;
}
