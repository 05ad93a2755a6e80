import { IMPORT_IN_FLIGHT, IMPORT_MAX_ROWS } from '../../base/limits.ts';
import { err, ok, type Result } from '../../base/result.ts';
import type { DeviceInput } from '../../model/device.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { Rehearsal } from '../../model/ports/device-administration.ts';
import type { SystemFacade } from '../../model/ports/system.ts';
import type { DeviceRow } from './device-row.ts';

export const EXISTING = ['refuse', 'update', 'skip'] as const;

export interface ImportOptions {
  /** What becomes of a device that is there. */
  readonly existing: (typeof EXISTING)[number];
  readonly dryRun: boolean;
  /** A token for each device that is added. */
  readonly tokens: boolean;
  readonly by: string;
}

export type RowStatus = 'added' | 'changed' | 'unchanged' | 'skipped' | 'refused';

export interface RowResult {
  readonly line: number;
  readonly id?: string | undefined;
  readonly status: RowStatus;
  readonly code?: string;
  readonly message?: string;
  readonly token?: string;
}

export interface ImportSummary extends Readonly<Record<RowStatus, number>> {
  readonly rows: number;
  readonly dryRun: boolean;
}

type Deal = (input: DeviceInput) => Promise<Result<Omit<RowResult, 'line' | 'id'>, SensoriumError>>;

/**
 * Takes devices into the registry row by row, many at once, and tells of each in the order of the file. A row whose parent
 * is on its way waits for it; all others run side by side.
 */
export class Importer {
  readonly #facade: Pick<SystemFacade, 'registry' | 'security'>;
  readonly #options: ImportOptions;
  readonly #rehearsal: Rehearsal | undefined;
  readonly #onTheirWay = new Map<string, Promise<unknown>>();
  readonly #counts: Record<RowStatus, number> = {
    added: 0,
    changed: 0,
    unchanged: 0,
    skipped: 0,
    refused: 0,
  };

  constructor(
    facade: Pick<SystemFacade, 'registry' | 'security' | 'administration'>,
    options: ImportOptions,
  ) {
    this.#facade = facade;
    this.#options = options;
    this.#rehearsal = options.dryRun ? facade.administration.rehearse() : undefined;
  }

  get summary(): ImportSummary {
    const rows = Object.values(this.#counts).reduce((sum, count) => sum + count, 0);
    return { rows, ...this.#counts, dryRun: this.#options.dryRun };
  }

  /** Throws what the rows throw, and SensoriumError `payload.too_many`. */
  async *run(rows: AsyncIterable<DeviceRow>): AsyncGenerator<RowResult> {
    const waiting: Promise<RowResult>[] = [];
    let taken = 0;
    for await (const row of rows) {
      taken += 1;
      if (taken > IMPORT_MAX_ROWS) throw problem('payload.too_many', `More than ${IMPORT_MAX_ROWS} rows`);
      waiting.push(this.#take(row));
      const oldest = waiting.length < IMPORT_IN_FLIGHT ? undefined : waiting.shift();
      if (oldest !== undefined) yield this.#counted(await oldest);
    }
    for (const result of waiting) yield this.#counted(await result);
  }

  async #take({ line, input, fault }: DeviceRow): Promise<RowResult> {
    if (fault !== undefined) return { line, status: 'refused', code: 'request.invalid', message: fault };
    if (!isNamed(input))
      return { line, status: 'refused', code: 'request.invalid', message: 'a row is an object with an id' };
    const { id, parent } = input;
    // A rehearsal knows the rows before from the moment they were judged: they are judged one after the other.
    const before = this.#rehearsal === undefined ? [id, parent] : ['\0last'];
    const earlier = before.map((name) => this.#onTheirWay.get(name ?? ''));
    const dealing = this.#after(earlier, input);
    const key = this.#rehearsal === undefined ? id : '\0last';
    this.#onTheirWay.set(key, dealing);
    const dealt = await dealing;
    if (this.#onTheirWay.get(key) === dealing) this.#onTheirWay.delete(key);
    if (dealt.ok) return { line, id, ...dealt.value };
    const { code, message } = dealt.error;
    return { line, id, status: 'refused', code, message };
  }

  async #after(earlier: readonly (Promise<unknown> | undefined)[], input: DeviceInput): ReturnType<Deal> {
    for (const one of earlier) await one;
    return await this.#deal(input);
  }

  #counted(result: RowResult): RowResult {
    this.#counts[result.status] += 1;
    return result;
  }

  readonly #deal: Deal = async (input) => {
    const { existing } = this.#options;
    if (this.#rehearsal !== undefined) {
      const judged = await this.#rehearsal.judge(input, { update: existing === 'update' });
      if (judged.ok) return ok({ status: judged.value });
      return this.#refused(judged.error);
    }
    const added = await this.#facade.registry.add(input, this.#options.by);
    if (added.ok) return await this.#added(input);
    const isKnown = added.error.code === 'device.exists';
    return isKnown && existing === 'update' ? await this.#update(input) : this.#refused(added.error);
  };

  #refused(error: SensoriumError): Awaited<ReturnType<Deal>> {
    const isSkipped = error.code === 'device.exists' && this.#options.existing === 'skip';
    return isSkipped ? ok({ status: 'skipped' }) : err(error);
  }

  async #update({ id, ...patch }: DeviceInput): ReturnType<Deal> {
    const { registry } = this.#facade;
    const before = registry.get(id);
    const updated = await registry.update(id, patch, this.#options.by);
    if (!updated.ok) return updated;
    return ok({ status: updated.value.version === before?.version ? 'unchanged' : 'changed' });
  }

  async #added({ id }: DeviceInput): ReturnType<Deal> {
    const { registry, security } = this.#facade;
    const device = registry.get(id);
    if (!this.#options.tokens || device === undefined) return ok({ status: 'added' });
    return ok({ status: 'added', token: await security.issue(device.id) });
  }
}

/** Enough to name it; the registry judges the rest. */
const isNamed = (input: unknown): input is DeviceInput =>
  typeof input === 'object' && input !== null && 'id' in input && typeof input.id === 'string';
