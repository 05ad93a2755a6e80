import { CONDEMNED_PACKETS_MAX } from '../../base/limits.ts';
import type { LogRecord, Offset } from '../../model/packet.ts';
import type { PacketOutcome } from '../../model/ports/traces.ts';
import type { SeriesDirectory } from '../series.ts';
import { Aggregate } from './aggregate.ts';
import { Analyze } from './analyze/analyze.ts';
import type { AnalysisState } from './analyze/findings.ts';
import type { Batch } from './batch.ts';
import type { CallTrace } from './call-trace.ts';
import { ChannelTable } from './channels.ts';
import { DeviceDirectory } from './device-directory.ts';
import type { KnownDevices } from './known-devices.ts';
import type { PresetNotes } from './preset-notes.ts';
import { callsIn, setAside } from './quarantine.ts';
import { Router } from './router.ts';
import type { RefusedPart } from './set-aside.ts';
import type { PacketWork, Stage } from './stage.ts';
import type { OpenTrace, Tracer } from './tracer.ts';
import { Transform } from './transform.ts';
import { Validate } from './validate.ts';
import { Validator } from './validator.ts';
import type { Verdict } from './verdict.ts';
import { WindowEngine } from './windows/window-engine.ts';

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
  /** What the analysis had begun and learned at the last commit. */
  readonly analysis: readonly AnalysisState[];
  readonly condemned: Condemned;
  /** Our own bugs, for the log of the server. */
  readonly onBug: (cause: unknown, record: LogRecord) => void;
  /** Follows some of the messages. */
  readonly tracer?: Tracer | undefined;
  /** Tests put a stage of their own in. */
  readonly extraStages?: readonly Stage[] | undefined;
}

/** A packet that is tried again: a part of it, or all where nothing of it is stored. */
interface Retrial {
  readonly part: RefusedPart | undefined;
}

/** The sequence of stages over one batch. After a failed commit it is thrown away and made anew from the store. */
export class Pipeline {
  readonly stages: readonly Stage[];
  readonly directory: DeviceDirectory;
  readonly analyze: Analyze;
  readonly windows: WindowEngine;
  readonly #batch: Batch;
  readonly #validate: Validate;
  readonly #verdict: Verdict;
  readonly #known: KnownDevices;
  readonly #condemned: Condemned;
  readonly #tracer: Tracer | undefined;
  readonly #onBug: (cause: unknown, record: LogRecord) => void;

  constructor(options: PipelineOptions) {
    const { batch, known, series, notes } = options;
    const channels = new ChannelTable();
    this.windows = new WindowEngine({ sink: batch });
    this.directory = new DeviceDirectory({ known, series, channels });
    const router = new Router({
      known,
      directory: this.directory,
      admit: (child) => batch.children.push(child),
    });
    this.analyze = new Analyze({ channels, directory: this.directory, series, states: options.analysis });
    const validator = new Validator(batch);
    this.#known = known;
    this.#verdict = validator.verdict;
    this.#validate = new Validate({ batch, router, notes, validator });
    this.stages = [
      this.#validate,
      new Transform(channels),
      this.analyze,
      new Aggregate(channels, this.windows),
      ...(options.extraStages ?? []),
    ];
    this.#batch = batch;
    this.#condemned = options.condemned;
    this.#tracer = options.tracer;
    this.#onBug = options.onBug;
  }

  /**
   * Takes one packet into the batch: it leaves counted exactly once. Throws StageFault where the batch has to be built
   * again.
   */
  take(record: LogRecord, retrial?: Retrial): PacketOutcome {
    const batch = this.#batch;
    const verdict = this.#verdict;
    const part = retrial?.part;
    verdict.begin(part && callsIn(part));
    const mark = batch.mark();
    const work = { record, batch, numbersFrom: mark.numbers, textsFrom: mark.texts, verdict };
    const condemned = this.#condemned.get(record.offset);
    const trace = this.#tracer?.begin(record);
    if (condemned === undefined) this.#run(work, trace);
    else verdict.whole = { device: record.origin, code: 'internal', message: condemned };
    // What is refused as a whole leaves nothing behind.
    if (verdict.whole !== undefined) batch.rewind(mark);
    const outcome = this.#settle(work, part);
    if (trace !== undefined) trace.outcome = outcome;
    return outcome;
  }

  /** Nothing is left to read: stages look at the clock. Answers when to look again (wall time, milliseconds). */
  idle(now: number): number {
    let due = Number.POSITIVE_INFINITY;
    for (const stage of this.stages) due = Math.min(due, stage.idle?.(this.#batch, now) ?? due);
    return due;
  }

  /** What the decoder makes of a packet, by which the values of a part are named. */
  trace(record: LogRecord): CallTrace {
    return this.#validate.trace(record);
  }

  #run(work: PacketWork, trace: OpenTrace | undefined): void {
    for (const stage of this.stages) {
      try {
        stage.run(work);
        trace?.passed(stage.name);
      } catch (cause) {
        const { record, verdict } = work;
        this.#onBug(cause, record);
        if (stage.name !== 'validate') throw new StageFault(record.offset, stage.name, cause);
        const message = `${stage.name}: ${messageOf(cause)}`;
        verdict.whole = { device: record.origin, code: 'internal', message };
        return;
      }
    }
  }

  #settle(
    { record, batch, verdict, numbersFrom, textsFrom }: PacketWork,
    before?: RefusedPart,
  ): PacketOutcome {
    const { whole, rejections } = verdict;
    batch.packets += 1;
    const hasRows = batch.numbers.size > numbersFrom || batch.texts.size > textsFrom;
    if (whole === undefined && rejections.length === 0) {
      if (hasRows) batch.stored += 1;
      else batch.forwarded += 1;
      return hasRows ? 'stored' : 'forwarded';
    }
    if (whole !== undefined) batch.countRejection(whole.code);
    else for (const { code } of rejections) batch.countRejection(code);
    if (hasRows) batch.stored += 1;
    else batch.quarantined += 1;
    setAside(batch, {
      record,
      verdict,
      isStored: hasRows || before !== undefined,
      before,
      profileOf: (device) => this.#known.profileOf(device),
      trace: () => this.trace(record),
    });
    return hasRows ? 'stored' : 'quarantined';
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
