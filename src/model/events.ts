import type { ErrorCode } from './errors.ts';

/** Every event of the platform and its data. Names follow the contract; an unknown type is refused. */
export interface EventMap {
  'device.registered': { readonly device: string; readonly parent?: string | undefined; readonly by: string };
  'device.removed': { readonly device: string; readonly by: string };
  'device.connected': { readonly device: string; readonly transport: string; readonly address: string };
  'device.disconnected': {
    readonly device: string;
    readonly reason: DisconnectReason;
    readonly address: string;
  };
  'data.received': {
    readonly device: string;
    /** Readings stored by this commit. */
    readonly readings: number;
    readonly fromMs: number;
    readonly toMs: number;
  };
  'data.quarantined': {
    readonly device: string;
    readonly code: ErrorCode;
    readonly message: string;
    readonly count: number;
  };
  'data.finding': {
    readonly device: string;
    readonly metric: string;
    readonly kind: 'rate';
    readonly ts: number;
    readonly value: number;
    readonly evidence: string;
  };
  'security.denied': {
    readonly subject: string;
    readonly action: string;
    readonly resource: string;
    readonly address: string;
  };
  'security.revoked': { readonly subject: string };
  'system.degraded': { readonly part: string; readonly reason: string };
  'system.recovered': { readonly part: string };
}

export type DisconnectReason =
  | 'clean'
  | 'keep-alive'
  | 'taken-over'
  | 'protocol-error'
  | 'network'
  | 'kicked'
  | 'shutdown';

export type EventType = keyof EventMap;

export const EVENT_TYPES: readonly EventType[] = [
  'device.registered',
  'device.removed',
  'device.connected',
  'device.disconnected',
  'data.received',
  'data.quarantined',
  'data.finding',
  'security.denied',
  'security.revoked',
  'system.degraded',
  'system.recovered',
];

/** CloudEvents 1.0 attributes (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md). */
export interface PlatformEvent<T extends EventType = EventType> {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: T;
  /** The device or part it is about. */
  readonly subject: string;
  /** RFC 3339. */
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: EventMap[T];
}

export type AnyEvent = { [T in EventType]: PlatformEvent<T> }[EventType];
