/** Fakes of what the device room offers beside its registry: groups, histories, rehearsals, commands. */
import { err, ok, type Result } from '../base/result.ts';
import type { Command } from '../model/commands.ts';
import type { DeviceInput } from '../model/device.ts';
import type { GroupInput } from '../model/device-group.ts';
import type { DeviceChange } from '../model/device-history.ts';
import { type ErrorCode, problem, type SensoriumError } from '../model/errors.ts';
import type { DeviceId } from '../model/ids.ts';
import type { CommandRequest, Commands } from '../model/ports/commands.ts';
import type { DeviceAdministration, GroupCount, RowOutcome } from '../model/ports/device-administration.ts';
import { OPEN_PROFILE, type Profile } from '../model/profile.ts';

const refuse = (code: ErrorCode): Promise<Result<never, SensoriumError>> =>
  Promise.resolve(err(problem(code, 'no')));

/** Groups `floor`, with nobody in it, and `hall`; one history: of `station`. */
export class FakeAdministration implements DeviceAdministration {
  readonly byWhom: string[] = [];
  readonly #groups = new Map([
    ['floor', groupOf({ id: 'floor' }, 0)],
    ['hall', groupOf({ id: 'hall' }, 1)],
  ]);

  groups(): readonly GroupCount[] {
    return [...this.#groups.values()];
  }

  group(id: string): GroupCount | undefined {
    return this.#groups.get(id);
  }

  putGroup(input: GroupInput, by: string): ReturnType<DeviceAdministration['putGroup']> {
    this.byWhom.push(by);
    const group = groupOf(input, 0);
    this.#groups.set(group.id, group);
    return Promise.resolve(ok(group));
  }

  removeGroup(id: string): ReturnType<DeviceAdministration['removeGroup']> {
    const group = this.#groups.get(id);
    if (group === undefined) return refuse('group.unknown');
    if (group.devices > 0) return refuse('group.in_use');
    this.#groups.delete(id);
    return Promise.resolve(ok(group));
  }

  removeProfile(id: string): Promise<Result<Profile, SensoriumError>> {
    if (id === 'open') return refuse('profile.in_use');
    return id === 'spare' ? Promise.resolve(ok(OPEN_PROFILE)) : refuse('profile.unknown');
  }

  history(id: string): readonly DeviceChange[] {
    if (id !== 'station') return [];
    return [{ at: 1, by: 'user:admin', kind: 'added', version: 1, changes: { name: { to: 'Station' } } }];
  }

  rehearse(): ReturnType<DeviceAdministration['rehearse']> {
    const seen = new Set(['station']);
    const judge = ({ id }: DeviceInput, { update }: { readonly update: boolean }) => {
      const outcome: RowOutcome = seen.has(id) ? 'unchanged' : 'added';
      if (seen.has(id) && !update) return refuse('device.exists');
      seen.add(id);
      return Promise.resolve(ok(outcome));
    };
    return { judge };
  }
}

const groupOf = ({ id, name = id, description }: GroupInput, devices: number): GroupCount => ({
  id,
  name,
  description,
  createdAt: 1,
  updatedAt: 1,
  devices,
});

/** `ask` is answered, `break` fails, `lose` expires, everything else stays open. `r1` is there, then come `r2`, `r3` … */
export class FakeCommands implements Commands {
  readonly requests: CommandRequest[] = [];
  readonly waits: number[] = [];
  readonly #commands = new Map([['r1', commandOf('r1', FIRST)]]);

  send(request: CommandRequest): ReturnType<Commands['send']> {
    this.requests.push(request);
    if (request.device === 'nobody') return refuse('device.unknown');
    const command = commandOf(`r${this.requests.length + 1}`, request);
    this.#commands.set(command.id, command);
    return Promise.resolve(ok(command));
  }

  wait(id: string, waitMs: number): Promise<Command | undefined> {
    this.waits.push(waitMs);
    return Promise.resolve(this.#commands.get(id));
  }

  get(id: string): Command | undefined {
    return this.#commands.get(id);
  }

  list(): readonly Command[] {
    return [...this.#commands.values()];
  }

  cancel(id: string): ReturnType<Commands['cancel']> {
    const command = this.#commands.get(id);
    if (command === undefined) return refuse('command.not_found');
    if (command.endedAt !== undefined) return refuse('command.ended');
    return Promise.resolve(ok({ ...command, state: 'expired', reason: 'cancelled' }));
  }
}

const FIRST: CommandRequest = {
  device: 'station',
  name: 'stay',
  arguments: {},
  terms: {},
  by: 'user:admin',
  waitMs: 0,
};

const ENDS: Readonly<Record<string, Partial<Command>>> = {
  ask: { state: 'answered', result: { ok: true }, endedAt: 3 },
  break: { state: 'failed', error: { message: 'stuck' }, endedAt: 3 },
  lose: { state: 'expired', reason: 'timeout', endedAt: 3, attempts: 3 },
};

const commandOf = (id: string, { device, name, arguments: args, by }: CommandRequest): Command => ({
  id,
  device: device as DeviceId,
  name,
  arguments: args,
  by,
  state: 'sent',
  delivery: 'at-least-once',
  timeoutMs: 10_000,
  expiryMs: 60_000,
  retries: 2,
  attempts: 1,
  createdAt: 1,
  sentAt: 2,
  ...ENDS[name],
});
