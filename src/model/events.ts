import type { Finding } from './analysis.ts';
import type { Delivery, ExpiryReason } from './commands.ts';
import type { ErrorCode } from './errors.ts';
import type { AbsenceReason, PresenceReason, PresenceState } from './presence.ts';
import type { TwinPart } from './twin.ts';
import type { WindowChange, WindowResult } from './windows.ts';

/** Every event of the platform and its data. Names follow the contract; an unknown type is refused. */
export interface EventMap {
  'device.registered': { readonly device: string; readonly parent?: string | undefined; readonly by: string };
  'device.removed': { readonly device: string; readonly by: string };
  /** Something was found that was not in the inbox. */
  'device.discovered': {
    readonly candidate: string;
    readonly name: string;
    readonly scanner: string;
    readonly address?: string | undefined;
    /** Suggested. */
    readonly profile?: string | undefined;
  };
  /** Each transition; of a device that flaps, the ones held back as one. */
  'device.presence': {
    readonly device: string;
    readonly state: PresenceState;
    readonly reason: PresenceReason;
    /** As it was told before. */
    readonly previous: PresenceState;
    /** Transitions since then that were not told. */
    readonly held: number;
  };
  /** Nothing was heard of it for longer than it declared. */
  'device.overdue': {
    readonly device: string;
    readonly everyMs: number;
    readonly lastDataAt?: number | undefined;
  };
  'device.connected': { readonly device: string; readonly transport: string; readonly address: string };
  'device.disconnected': {
    readonly device: string;
    readonly reason: AbsenceReason;
    readonly address: string;
  };
  'twin.changed': {
    readonly device: string;
    readonly part: TwinPart;
    readonly version: number;
    readonly by: string;
    /** Nothing desired is left to be done. */
    readonly settled: boolean;
  };
  'command.sent': {
    readonly device: string;
    readonly command: string;
    readonly request: string;
    /** 1 = the first time. */
    readonly attempt: number;
    readonly delivery: Delivery;
  };
  'command.answered': {
    readonly device: string;
    readonly command: string;
    readonly request: string;
    /** The device did it, or said that it could not. */
    readonly state: 'answered' | 'failed';
    readonly durationMs: number;
  };
  'command.expired': {
    readonly device: string;
    readonly command: string;
    readonly request: string;
    readonly reason: ExpiryReason;
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

export type EventType = keyof EventMap;

export const EVENT_TYPES: readonly EventType[] = [
  'device.registered',
  'device.removed',
  'device.discovered',
  'device.connected',
  'device.disconnected',
  'device.presence',
  'device.overdue',
  'twin.changed',
  'command.sent',
  'command.answered',
  'command.expired',
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
