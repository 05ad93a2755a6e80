import { GROUPS_MAX } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type DeviceGroup, GroupInput } from '../../model/device-group.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import { isDeviceId, parseDeviceId } from '../../model/ids.ts';
import type { StateTable } from '../../model/ports/state.ts';
import { schemaFault } from './schema-check.ts';
import { isPlainText } from './text-rules.ts';

/** The groups devices can be in: on disk, and in memory for lookups. Who is in them stands with the devices. */
export class GroupShelf {
  readonly #table: StateTable<DeviceGroup>;
  readonly #logger: Logger;
  #groups = new Map<string, DeviceGroup>();

  constructor({ table, logger }: { readonly table: StateTable<DeviceGroup>; readonly logger: Logger }) {
    this.#table = table;
    this.#logger = logger;
  }

  load(): void {
    const groups = new Map<string, DeviceGroup>();
    for (const [key, group] of this.#table.entries()) {
      if (isDeviceId(key) && group?.id === key && typeof group.name === 'string') groups.set(key, group);
      else this.#logger.error({ key }, 'stored group cannot be read; left alone');
    }
    this.#groups = groups;
  }

  get(id: string): DeviceGroup | undefined {
    return this.#groups.get(id);
  }

  /** By id. */
  all(): readonly DeviceGroup[] {
    return [...this.#groups.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Adds it, or changes what is given. Callers run one at a time per group. */
  async put(input: GroupInput, now: number): Promise<Result<DeviceGroup, SensoriumError>> {
    const fault = await groupFault(input);
    if (fault !== undefined) return err(fault);
    const known = this.#groups.get(input.id);
    if (known === undefined && this.#groups.size >= GROUPS_MAX)
      return err(problem('group.too_many', `there are ${GROUPS_MAX} groups`));
    const { id, name = known?.name ?? id, description = known?.description } = input;
    const group: DeviceGroup = { id, name, description, createdAt: known?.createdAt ?? now, updatedAt: now };
    await this.#table.put(id, group);
    this.#groups.set(id, group);
    return ok(group);
  }

  async remove(id: string): Promise<void> {
    await this.#table.remove(id);
    this.#groups.delete(id);
  }
}

async function groupFault(input: GroupInput): Promise<SensoriumError | undefined> {
  const fault = await schemaFault(GroupInput, input);
  if (fault !== undefined) return problem('request.invalid', fault);
  const id = parseDeviceId(input.id);
  if (!id.ok) return id.error;
  const { name = '', description = '' } = input;
  const isPlain = isPlainText(name) && isPlainText(description.replaceAll('\n', ' '));
  return isPlain ? undefined : problem('request.invalid', 'control characters are not allowed in texts');
}
