import type { Device } from './device.ts';

/** The topics of the contract: `v1/{device}/telemetry` and its siblings. */
export const TOPIC_ROOT = 'v1';

export const telemetryTopic = (device: string): string => `${TOPIC_ROOT}/${device}/telemetry`;

type Addressed = Pick<Device, 'id' | 'parent'>;

/** Whose connection carries what is said to the device: a child is spoken to through its gateway. */
export const addresseeOf = ({ id, parent }: Addressed, isConnected: boolean): string =>
  parent === undefined || isConnected ? id : parent;

/** Where the topics of a device begin, without the last `/`, for what its addressee hears. */
export const deviceTree = (device: string, addressee: string): string =>
  device === addressee ? `${TOPIC_ROOT}/${device}` : `${TOPIC_ROOT}/${addressee}/children/${device}`;

export type OwnTopic =
  | { readonly kind: 'telemetry' | 'attributes'; readonly device: string; readonly gateway?: string }
  | { readonly kind: 'other'; readonly device: string };

/** Reads an own topic; undefined for a topic outside `v1/`. */
export function parseOwnTopic(topic: string): OwnTopic | undefined {
  const levels = topic.split('/');
  if (levels[0] !== TOPIC_ROOT || levels[1] === undefined) return undefined;
  if (levels.length === 3 && isLeaf(levels[2])) return { kind: levels[2], device: levels[1] };
  if (levels.length === 5 && levels[2] === 'children' && levels[3] !== undefined && isLeaf(levels[4])) {
    return { kind: levels[4], device: levels[3], gateway: levels[1] };
  }
  return { kind: 'other', device: levels[1] };
}

const isLeaf = (level: string | undefined): level is 'telemetry' | 'attributes' =>
  level === 'telemetry' || level === 'attributes';
