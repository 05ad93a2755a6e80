import type { Finding } from './analysis.ts';
import type { ErrorCode } from './errors.ts';
import type { WindowChange, WindowResult } from './windows.ts';

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
  /** Packets of the quarantine were tried again, in one commit. */
  'data.replayed': {
    readonly stored: number;
    readonly forwarded: number;
    readonly partly: number;
    readonly left: number;
    readonly readings: number;
  };
  /** Packets left the quarantine for good: taken out by a person, or by its bounds. */
  'data.discarded': { readonly packets: number; readonly reason: 'discarded' | 'quarantine_full' };
  /** The analysis noticed something, or it is over. */
  'data.finding': Finding;
  /** A declared window: closed, amended by late readings, or withdrawn. */
  'data.window': WindowResult & { readonly device: string; readonly change: WindowChange };
  /** History that is gone for good, summed up by pass; milliseconds. */
  'history.thinned': {
    readonly level: 'raw' | 'minute' | 'hour';
    readonly reason: 'age' | 'budget';
    readonly fromMs: number;
    readonly toMs: number;
    readonly rows: number;
    readonly bytes: number;
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
  'data.replayed',
  'data.discarded',
  'data.finding',
  'data.window',
  'history.thinned',
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
