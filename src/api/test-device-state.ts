/** Fakes of presence and twins: one device that is there, with one wish. */
import { err, ok, type Result } from '../base/result.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import type { PresenceBook } from '../model/ports/presence.ts';
import type { TwinEdit, Twins } from '../model/ports/twins.ts';
import type { Presence } from '../model/presence.ts';
import type { Twin, TwinChange } from '../model/twin.ts';

export class FakePresence implements PresenceBook {
  get(): Presence {
    return {
      state: 'connected',
      reason: 'link',
      since: 1_000,
      confirmed: true,
      connections: 1,
      transport: 'mqtt',
      address: '192.0.2.1',
      connectedAt: 1_000,
      sleeps: false,
      held: 0,
    };
  }

  count(): number {
    return 1;
  }
}

export class FakeTwins implements Twins {
  readonly edits: TwinEdit[] = [];

  get(device: string): Result<Twin, SensoriumError> {
    if (device !== 'station') return err(problem('device.unknown', device));
    const origin = { at: 1_000, by: 'user:admin' };
    return ok({
      device,
      desired: { version: 3, properties: { interval: 10 }, metadata: { '/interval': origin } },
      reported: { version: 17, properties: {}, metadata: {} },
      delta: { interval: 10 },
    });
  }

  edit(edit: TwinEdit): Promise<Result<Twin, SensoriumError>> {
    this.edits.push(edit);
    const { version, part } = edit;
    if (version !== undefined && version !== (part === 'desired' ? 3 : 17))
      return Promise.resolve(err(problem('twin.version_conflict', 'no')));
    return Promise.resolve(this.get(edit.device));
  }

  history(device: string): Result<readonly TwinChange[], SensoriumError> {
    const change = {
      part: 'desired',
      version: 3,
      at: 1_000,
      by: 'user:admin',
      patch: { interval: 10 },
    } as const;
    return device === 'station' ? ok([change]) : err(problem('device.unknown', device));
  }
}
