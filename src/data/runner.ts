import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { QUARANTINE_BATCH_MAX_BYTES, STORE_RETRY_INITIAL_MS, STORE_RETRY_MAX_MS } from '../base/limits.ts';
import type { Random } from '../base/random.ts';
import { problem, SensoriumError } from '../model/errors.ts';
import type { LogRecord, Offset } from '../model/packet.ts';
import type { HistoryTotals } from '../model/ports/history.ts';
import { LEDGER_ORIGIN } from '../model/ports/ledger.ts';
import type { LogReader } from '../model/ports/log.ts';
import type { QuarantineOutcome, QuarantineStep } from '../model/ports/quarantine.ts';
import { commitReport } from './commit-report.ts';
import { lookBack } from './look-back.ts';
import type { AnalysisState } from './pipeline/analyze/findings.ts';
import { Batch } from './pipeline/batch.ts';
import type { KnownDevices } from './pipeline/known-devices.ts';
import { Ledger } from './pipeline/ledger.ts';
import { Condemned, Pipeline, StageFault } from './pipeline/pipeline.ts';
import { PresetNotes } from './pipeline/preset-notes.ts';
import type { Stage } from './pipeline/stage.ts';
import { Tracer } from './pipeline/tracer.ts';
import { restoreWindows } from './pipeline/windows/restore.ts';
import type { CommitPace, CommitReport, Effects, Fault, WatchList } from './protocol.ts';
import { type ReplayedStep, replayStep } from './replay.ts';
import { SeriesDirectory } from './series.ts';
import { Sleeper } from './sleeper.ts';
import { StepQueue } from './step-queue.ts';
import type { Store } from './store/store.ts';
import { decodeTally } from './tally.ts';

/** Whom the runner tells. */
interface RunnerOutlet {
  caughtUp(next: Offset): void;
  committed(report: CommitReport): void;
  /** Resolves when done, with the children it refused: what the registry must know before the log is behind us. */
  effects(effects: Effects): Promise<readonly string[]>;
  /** Undefined = well again. */
  trouble(fault: Fault | undefined): void;
  bug(cause: unknown, about: string): void;
}

interface RunnerOptions {
  readonly reader: LogReader;
  readonly store: Store;
  readonly known: KnownDevices;
  readonly outlet: RunnerOutlet;
  readonly clock: Clock;
  readonly random: Random;
  /** Takes in what the main thread said meanwhile. */
  readonly refresh: () => void;
  readonly pace: CommitPace;
  readonly extraStages?: readonly Stage[] | undefined;
}

/** Everything that follows from the store and the packets since its last commit; made anew when that fails. */
interface Work {
  readonly series: SeriesDirectory;
  readonly notes: PresetNotes;
  readonly pipeline: Pipeline;
  readonly ledger: Ledger;
}

/**
 * The loop of the data worker: log → pipeline → store, from the offset in the store, one commit after the other.
 * A commit that fails loses nothing: the store is opened again and the log is read again from its offset.
 */
export class Runner {
  watched: WatchList = [];
  readonly #options: RunnerOptions;
  readonly #batch = new Batch();
  readonly #condemned = new Condemned();
  readonly #tracer: Tracer;
  readonly #sleeper = new Sleeper();
  readonly #steps = new StepQueue();
  #work: Work | undefined;
  #totals: HistoryTotals | undefined;
  /** The next record to take, and where it stood at the last commit. */
  #next: Offset = 0;
  #commitNotBefore = 0;
  /** Nothing was left in the log when it was read last. */
  #isAtEnd = false;
  #logFault: SensoriumError | undefined;
  #attempts = 0;
  #stopping = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#tracer = new Tracer(options.clock);
  }

  /** Series known now; undefined while the store is being opened again. */
  get series(): SeriesDirectory | undefined {
    return this.#work?.series;
  }

  /** Opens the store. Throws its errors, and 'data_dir.corrupt' where history is ahead of the log. */
  async open(logNext: Offset): Promise<HistoryTotals> {
    const totals = await this.#reopen();
    const { reader, outlet } = this.#options;
    if (reader.first > totals.offset) {
      const gap = `history ends at ${totals.offset}, the log begins at ${reader.first}`;
      outlet.bug(new Error(gap), 'packets between are in neither');
    }
    if (totals.offset > logNext) {
      throw problem(
        'data_dir.corrupt',
        `history has taken the log up to ${totals.offset}, but the log ends at ${logNext}: it was replaced`,
      );
    }
    return totals;
  }

  /** Runs until stopped. Throws only where going on would hide a bug. */
  async run(): Promise<void> {
    while (!this.#stopping) {
      try {
        if (this.#work === undefined) await this.#reopen();
        await this.#round();
      } catch (cause) {
        await this.#handle(cause);
      }
    }
    try {
      if (!this.#isEmpty) await this.#commit();
    } catch (cause) {
      // Nothing is lost: the log is read again from the last commit at the next start.
      this.#options.outlet.bug(cause, 'the last commit before stopping');
    }
    this.#steps.close();
  }

  wake(): void {
    this.#sleeper.wake();
  }

  /** Resolves when the step is committed. Rejects with 'quarantine.busy', 'store.unavailable', 'store.failed', 'disk.full'. */
  step(step: QuarantineStep): Promise<QuarantineOutcome> {
    const taken = this.#steps.add(step);
    this.#sleeper.wake();
    return taken;
  }

  stop(): void {
    this.#stopping = true;
    this.#sleeper.wake();
  }

  async #round(): Promise<void> {
    // The batch is empty here: what a step puts into it is a commit of its own.
    if (!this.#steps.isEmpty) await this.#steps.takeOne((step) => this.#runStep(step));
    await this.#fill();
    const idleMs = this.#idle();
    if (this.#isEmpty) {
      if (this.#logFault !== undefined) throw this.#logFault;
      this.#recovered();
      this.#options.outlet.caughtUp(this.#next);
      if (this.#steps.isEmpty) await this.#sleeper.sleep(idleMs);
      return;
    }
    const waitMs = this.#commitNotBefore - this.#options.clock.monotonic();
    if (waitMs > 0 && !this.#isFull && !this.#stopping) {
      await this.#sleeper.sleep(waitMs);
      await this.#fill();
    }
    await this.#commit();
    if (this.#logFault !== undefined) throw this.#logFault;
  }

  /** Once the log is read to its end stages look at the clock. Milliseconds until they want to do so again. */
  #idle(): number | undefined {
    if (!this.#isAtEnd) return undefined;
    const now = this.#options.clock.now();
    const due = this.#work?.pipeline.idle(now) ?? Number.POSITIVE_INFINITY;
    return Number.isFinite(due) ? Math.max(1, due - now) : undefined;
  }

  get #isFull(): boolean {
    const { maxReadings } = this.#options.pace;
    const { readings, packets, asideBytes } = this.#batch;
    return readings >= maxReadings || packets >= maxReadings || asideBytes >= QUARANTINE_BATCH_MAX_BYTES;
  }

  get #isEmpty(): boolean {
    return this.#batch.empty && (this.#work?.ledger.isEmpty ?? true);
  }

  /** Takes what the log has, up to a full batch; looks at messages after each round. */
  async #fill(): Promise<void> {
    this.#logFault = undefined;
    this.#isAtEnd = false;
    while (!this.#isFull && !this.#stopping) {
      const before = this.#next;
      this.#read();
      this.#isAtEnd = this.#logFault === undefined && this.#next === before;
      if (this.#logFault !== undefined || this.#isAtEnd) return;
      await new Promise(setImmediate);
    }
  }

  #read(): void {
    const work = this.#work;
    if (work === undefined) return;
    const { pipeline, ledger } = work;
    const { reader, pace } = this.#options;
    const take = (record: LogRecord): void => {
      if (record.origin === LEDGER_ORIGIN) ledger.claim(decodeTally(record.payload));
      else ledger.count(record.origin, record.receivedAt, pipeline.take(record));
      this.#next = record.offset + 1;
    };
    // What a packet could count on when it was sent has been said before it came into the log, so before this snapshot.
    reader.snapshot();
    this.#options.refresh();
    try {
      this.#next = reader.read(this.#next, pace.readRoundBytes, take);
    } catch (cause) {
      // What came before the damage is good and is committed first.
      if (!(cause instanceof SensoriumError)) throw cause;
      this.#logFault = cause;
    }
  }

  async #runStep(step: QuarantineStep): Promise<QuarantineOutcome> {
    const { store } = this.#options;
    const work = this.#work;
    if (work === undefined) throw problem('store.unavailable', 'history is being opened again');
    if (step.action === 'dry-run') return await this.#tryStep(step, work);
    const replayed = await replayStep(step, { ...work, batch: this.#batch, store });
    if (replayed.released.length > 0) await this.#commit(replayed);
    return replayed.outcome;
  }

  /** The same on a copy of what the pipeline knows, and forgotten. */
  async #tryStep(step: QuarantineStep, work: Work): Promise<QuarantineOutcome> {
    const { store, known } = this.#options;
    const batch = new Batch();
    const series = new SeriesDirectory(work.series.all());
    const notes = new PresetNotes(work.notes.all());
    const pipeline = this.#newPipeline(batch, series, notes, []);
    const ledger = new Ledger({ senders: [], open: [] });
    try {
      return (await replayStep({ ...step, action: 'replay' }, { batch, pipeline, ledger, store })).outcome;
    } finally {
      known.forgetAdmissions();
    }
  }

  /** `replayed`: the batch is of packets that have been counted before. */
  async #commit(replayed?: ReplayedStep): Promise<void> {
    const { store, outlet, clock, known } = this.#options;
    const batch = this.#batch;
    const work = this.#work;
    const before = this.#totals;
    if (work === undefined || before === undefined) return;
    if (batch.children.length > 0 || batch.attributes.length > 0) {
      const refused = await outlet.effects({ children: batch.children, attributes: batch.attributes });
      known.settleAdmissions(refused);
    }
    const totals = batch.totalsAfter(before, this.#next);
    work.pipeline.windows.collect(clock.now());
    const began = clock.monotonic();
    await store.commit({
      series: work.series.takeFresh(),
      numbers: batch.numbers,
      texts: batch.texts,
      parts: batch.parts,
      quarantine: batch.quarantine,
      asides: batch.asides,
      released: replayed?.released ?? [],
      ledger: work.ledger.rows(),
      windows: batch.windows,
      windowStates: batch.windowStates,
      analysis: batch.findings.states,
      notes: work.notes.takeChanges(),
      totals,
    });
    const ended = clock.monotonic();
    this.#totals = totals;
    this.#commitNotBefore = ended + this.#options.pace.lingerMs;
    const { directory } = work.pipeline;
    const seconds = (ended - began) / 1_000;
    outlet.committed(
      commitReport({
        batch,
        totals,
        seconds,
        directory,
        series: work.series,
        watched: this.watched,
        unaccounted: work.ledger.unaccounted,
        quarantine: store.quarantineUse,
        replayed,
        traces: this.#tracer.take().map((trace) => ({ ...trace, committedAt: clock.now() })),
      }),
    );
    batch.clear();
    work.ledger.clear();
    directory.tidy();
    this.#recovered();
    this.#condemned.forgetBefore(totals.offset);
  }

  /** Opens the store and forgets everything it does not know. */
  async #reopen(): Promise<HistoryTotals> {
    const {
      totals,
      series: storedSeries,
      notes: storedNotes,
      analysis,
      ledger,
    } = await this.#options.store.open();
    this.#batch.clear();
    const series = new SeriesDirectory(storedSeries);
    const notes = new PresetNotes(storedNotes);
    const pipeline = this.#newPipeline(this.#batch, series, notes, analysis);
    await this.#restoreWindows(pipeline);
    this.#work = { series, notes, pipeline, ledger: new Ledger(ledger) };
    this.#totals = totals;
    this.#next = totals.offset;
    await this.#lookBack(pipeline);
    return totals;
  }

  async #lookBack({ analyze }: Pipeline): Promise<void> {
    const { store, clock, outlet } = this.#options;
    const onBug = (cause: unknown, about: string): void => outlet.bug(cause, about);
    await lookBack({ analyze, batch: this.#batch, store, now: clock.now(), onBug });
  }

  async #restoreWindows({ windows }: Pipeline): Promise<void> {
    const { store, clock } = this.#options;
    try {
      await restoreWindows(windows, store.windowed, clock.now());
    } catch (cause) {
      await store.close();
      throw problem('store.failed', cause instanceof Error ? cause.message : String(cause));
    }
  }

  #newPipeline(
    batch: Batch,
    series: SeriesDirectory,
    notes: PresetNotes,
    analysis: readonly AnalysisState[],
  ): Pipeline {
    const { known, outlet, extraStages } = this.#options;
    return new Pipeline({
      batch,
      known,
      series,
      notes,
      analysis,
      extraStages,
      condemned: this.#condemned,
      tracer: this.#tracer,
      onBug: (cause, record) =>
        outlet.bug(cause, `packet ${record.offset} of ${record.origin} on ${record.topic}`),
    });
  }

  async #handle(cause: unknown): Promise<void> {
    if (cause instanceof StageFault) {
      if (!this.#condemned.add(cause)) throw cause;
      await this.#dropWork();
      return;
    }
    if (!(cause instanceof SensoriumError)) throw cause;
    const { outlet, random } = this.#options;
    outlet.trouble({ code: cause.code, detail: cause.message });
    // Queries go on while writing waits: the store is opened again at once, and a log that cannot be read leaves
    // history as good as it was.
    if (cause !== this.#logFault) {
      await this.#dropWork();
      await this.#reopen().catch((again: unknown) =>
        outlet.bug(again, 'history could not be opened again yet'),
      );
    }
    const bounds = { initialMs: STORE_RETRY_INITIAL_MS, maxMs: STORE_RETRY_MAX_MS };
    const waitMs = backoffMs(this.#attempts, bounds, random);
    this.#attempts += 1;
    if (!this.#stopping) await this.#sleeper.sleep(waitMs);
  }

  async #dropWork(): Promise<void> {
    this.#work = undefined;
    this.#batch.clear();
    this.#options.known.forgetAdmissions();
    try {
      await this.#options.store.close();
    } catch (cause) {
      this.#options.outlet.bug(cause, 'closing the store after a failure');
    }
  }

  #recovered(): void {
    if (this.#attempts === 0) return;
    this.#attempts = 0;
    this.#options.outlet.trouble(undefined);
  }
}
