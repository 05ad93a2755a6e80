import type { Health } from '../../base/lifecycle.ts';
import type { ClientDirectory } from './clients.ts';
import type { Commands } from './commands.ts';
import type { DeviceAdministration } from './device-administration.ts';
import type { Discovery } from './discovery.ts';
import type { EventSubscriber } from './events.ts';
import type { History, Intake, LiveFeed } from './history.ts';
import type { LedgerBook } from './ledger.ts';
import type { Log } from './log.ts';
import type { PresenceBook } from './presence.ts';
import type { Quarantine } from './quarantine.ts';
import type { Registry } from './registry.ts';
import type { Retention } from './retention.ts';
import type { SecurityFacade } from './security.ts';
import type { Traces } from './traces.ts';
import type { Twins } from './twins.ts';

/** What the doors (API, command line) see of the running system, and all they see. */
export interface SystemFacade {
  readonly version: string;
  readonly startedAt: number;
  readonly registry: Registry;
  readonly presence: PresenceBook;
  readonly twins: Twins;
  readonly administration: DeviceAdministration;
  readonly commands: Commands;
  readonly discovery: Discovery;
  readonly history: History;
  readonly quarantine: Quarantine;
  readonly ledger: LedgerBook;
  readonly retention: Retention;
  readonly traces: Traces;
  readonly intake: Intake;
  readonly live: LiveFeed;
  readonly clients: ClientDirectory;
  readonly events: EventSubscriber;
  readonly security: SecurityFacade;
  readonly log: Pick<Log, 'first' | 'next' | 'durable' | 'sizeBytes'>;
  /** Ready = every manager is up or degraded and serving. */
  health(): { readonly ready: boolean; readonly managers: Readonly<Record<string, Health>> };
  /** Prometheus text exposition. */
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
}
