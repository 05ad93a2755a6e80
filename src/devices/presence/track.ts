/** What presence remembers of one device that was heard of: facts, the state they make, and what of it was told. */
import type { Device } from '../../model/device.ts';
import type { DeviceId } from '../../model/ids.ts';
import type { AbsenceReason, Presence, PresenceReason, PresenceState } from '../../model/presence.ts';
import type { Profile } from '../../model/profile.ts';
import type { Timed } from './deadlines.ts';
import { declaredBy } from './declared.ts';
import { type Facts, type Kept, NEVER } from './facts.ts';

/** How much was told of a device lately; it has one only while that matters. Times are monotonic. */
export interface TellingWindow {
  readonly since: number;
  told: number;
  held: number;
  /** Since when it is held back, and when it last changed. */
  heldAt: number;
  changedAt: number;
}

export class Track implements Facts, Timed {
  readonly device: DeviceId;
  queuedAt = 0;
  place = -1;
  links = 0;
  handshakes = 0;
  linkedAt = NEVER;
  dataAt = NEVER;
  hasReported = false;
  ended: AbsenceReason | undefined;
  endedAt = NEVER;
  isRevoked = false;
  kept: (Kept & { readonly wasLinked: boolean; readonly since: number | undefined }) | undefined;
  everyMs = 0;
  sleeps = false;
  /** Its children know that it is gone. */
  wasGone = false;
  /** The gateway it hangs on. */
  parent: DeviceId | undefined;

  state: PresenceState = 'unknown';
  reason: PresenceReason = 'never-seen';
  /** Monotonic time of the last transition. */
  stateAt = NEVER;
  /** Wall time, for people. */
  since: number | undefined;
  transport: string | undefined;
  address: string | undefined;
  connectedAt: number | undefined;
  disconnectedAt: number | undefined;
  lastDataAt: number | undefined;
  isDataSaved = true;
  /** What events have said so far. */
  toldState: PresenceState = 'unknown';
  toldLinked = false;
  window: TellingWindow | undefined;

  constructor(device: DeviceId) {
    this.device = device;
  }

  /** Takes what registry and profile say. */
  describe(device: Pick<Device, 'attributes' | 'parent'>, profile: Profile | undefined): void {
    const { everyMs, sleeps } = declaredBy(device, profile);
    this.everyMs = everyMs;
    this.sleeps = sleeps;
    this.parent = device.parent;
  }

  /** Transitions that were not told. */
  get held(): number {
    return this.window?.held ?? 0;
  }

  /** Has a connection, as far as anybody was told. */
  get isLinked(): boolean {
    return this.links > 0 || this.kept?.wasLinked === true;
  }

  /** Its children cannot be there: it has gone, and does not say that it only sleeps. */
  get isGone(): boolean {
    return this.links === 0 && this.ended !== undefined && this.kept === undefined && !this.sleeps;
  }

  get presence(): Presence {
    const { state, reason, since, links, transport, address, everyMs, sleeps, held } = this;
    const { connectedAt, disconnectedAt, lastDataAt } = this;
    return {
      state,
      reason,
      since,
      confirmed: this.kept === undefined,
      connections: links,
      transport,
      address,
      connectedAt,
      disconnectedAt,
      lastDataAt,
      everyMs: everyMs === 0 ? undefined : everyMs,
      sleeps,
      held,
    };
  }
}

/** A registered device nothing was ever heard of needs no memory. */
export const neverSeen = ({
  everyMs,
  sleeps,
}: {
  readonly everyMs: number;
  readonly sleeps: boolean;
}): Presence => ({
  state: 'unknown',
  reason: 'never-seen',
  confirmed: true,
  connections: 0,
  everyMs: everyMs === 0 ? undefined : everyMs,
  sleeps,
  held: 0,
});
