import { CONDEMNED_PACKETS_MAX } from '../../base/limits.ts';
import type { LogRecord, Offset } from '../../model/packet.ts';
import type { SeriesDirectory } from '../series.ts';
import { Aggregate } from './aggregate.ts';
import { Analyze } from './analyze.ts';
import type { Batch } from './batch.ts';
import { ChannelTable } from './channels.ts';
import { DeviceDirectory } from './device-directory.ts';
import type { KnownDevices } from './known-devices.ts';
import type { PresetNotes } from './preset-notes.ts';
import { Router } from './router.ts';
import type { Stage } from './stage.ts';
import { Transform } from './transform.ts';
import { quarantine, Validate } from './validate.ts';
import { Validator } from './validator.ts';

/** A stage behind `validate` threw: the batch cannot be trusted, and must be built again without this packet. */
export class StageFault extends Error {
  override readonly name = 'StageFault';
  readonly offset: Offset;

  constructor(offset: Offset, stage: string, cause: unknown) {
    super(`${stage}: ${messageOf(cause)}`, { cause });
    this.offset = offset;
  }
}

/** Packets that made a stage throw, and what it said; they go to the quarantine as 'internal'. */
export class Condemned {
  readonly #packets = new Map<Offset, string>();

  /** False when there are so many that going on would be hiding a bug. */
  add(fault: StageFault): boolean {
    this.#packets.set(fault.offset, fault.message);
    return this.#packets.size <= CONDEMNED_PACKETS_MAX;
  }

  get(offset: Offset): string | undefined {
    return this.#packets.size === 0 ? undefined : this.#packets.get(offset);
  }

  forgetBefore(offset: Offset): void {
    for (const condemned of this.#packets.keys()) if (condemned < offset) this.#packets.delete(condemned);
  }
}

interface PipelineOptions {
  readonly batch: Batch;
  readonly known: KnownDevices;
  readonly series: SeriesDirectory;
  readonly notes: PresetNotes;
  readonly condemned: Condemned;
  /** Our own bugs, for the log of the server. */
  readonly onBug: (cause: unknown, record: LogRecord) => void;
  /** Tests put a stage of their own in. */
  readonly extraStages?: readonly Stage[] | undefined;
}

/** The sequence of stages over one batch. After a failed commit it is thrown away and made anew from the store. */
export class Pipeline {
  readonly stages: readonly Stage[];
  readonly directory: DeviceDirectory;
  readonly #batch: Batch;
  readonly #condemned: Condemned;
  readonly #onBug: (cause: unknown, record: LogRecord) => void;

  constructor(options: PipelineOptions) {
    const { batch, known, series, notes } = options;
    const channels = new ChannelTable();
    this.directory = new DeviceDirectory({ known, series, channels });
    const router = new Router({
      known,
      directory: this.directory,
      admit: (child) => batch.children.push(child),
    });
    this.stages = [
      new Validate({ batch, router, notes, validator: new Validator(batch) }),
      new Transform(channels),
      new Analyze(channels),
      new Aggregate(channels),
      ...(options.extraStages ?? []),
    ];
    this.#batch = batch;
    this.#condemned = options.condemned;
    this.#onBug = options.onBug;
  }

  /** Takes one packet into the batch. Throws StageFault where the batch has to be built again. */
  take(record: LogRecord): void {
    const batch = this.#batch;
    const verdict = this.#condemned.get(record.offset);
    if (verdict !== undefined) {
      quarantine(batch, record, record.origin, 'internal', verdict);
      return;
    }
    const mark = batch.mark();
    const work = { record, batch, numbersFrom: mark.numbers, textsFrom: mark.texts };
    for (const stage of this.stages) {
      try {
        stage.run(work);
      } catch (cause) {
        this.#onBug(cause, record);
        if (stage.name !== 'validate') throw new StageFault(record.offset, stage.name, cause);
        batch.rewind(mark);
        quarantine(batch, record, record.origin, 'internal', `${stage.name}: ${messageOf(cause)}`);
        return;
      }
    }
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
