import { backoffMs } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { STORE_RETRY_INITIAL_MS, STORE_RETRY_MAX_MS } from '../base/limits.ts';
import type { Random } from '../base/random.ts';
import { problem, SensoriumError } from '../model/errors.ts';
import type { LogRecord, Offset } from '../model/packet.ts';
import type { HistoryTotals } from '../model/ports/history.ts';
import type { LogReader } from '../model/ports/log.ts';
import { commitReport } from './commit-report.ts';
import { Batch } from './pipeline/batch.ts';
import type { KnownDevices } from './pipeline/known-devices.ts';
import { Condemned, Pipeline, StageFault } from './pipeline/pipeline.ts';
import { PresetNotes } from './pipeline/preset-notes.ts';
import type { Stage } from './pipeline/stage.ts';
import type { CommitPace, CommitReport, Effects, Fault, WatchList } from './protocol.ts';
import { SeriesDirectory } from './series.ts';
import { Sleeper } from './sleeper.ts';
import type { Store } from './store/store.ts';

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
  readonly #sleeper = new Sleeper();
  #work: Work | undefined;
  #totals: HistoryTotals | undefined;
  /** The next record to take, and where it stood at the last commit. */
  #next: Offset = 0;
  #commitNotBefore = 0;
  #logFault: SensoriumError | undefined;
  #attempts = 0;
  #stopping = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
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
      if (!this.#batch.empty) await this.#commit();
    } catch (cause) {
      // Nothing is lost: the log is read again from the last commit at the next start.
      this.#options.outlet.bug(cause, 'the last commit before stopping');
    }
  }

  wake(): void {
    this.#sleeper.wake();
  }

  stop(): void {
    this.#stopping = true;
    this.#sleeper.wake();
  }

  async #round(): Promise<void> {
    await this.#fill();
    if (this.#batch.empty) {
      if (this.#logFault !== undefined) throw this.#logFault;
      this.#recovered();
      this.#options.outlet.caughtUp(this.#next);
      await this.#sleeper.sleep();
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

  get #isFull(): boolean {
    const { maxReadings } = this.#options.pace;
    return this.#batch.readings >= maxReadings || this.#batch.packets >= maxReadings;
  }

  /** Takes what the log has, up to a full batch; looks at messages after each round. */
  async #fill(): Promise<void> {
    this.#logFault = undefined;
    while (!this.#isFull && !this.#stopping) {
      const before = this.#next;
      this.#read();
      if (this.#logFault !== undefined || this.#next === before) return;
      await new Promise(setImmediate);
    }
  }

  #read(): void {
    const pipeline = this.#work?.pipeline;
    if (pipeline === undefined) return;
    const { reader, pace } = this.#options;
    const take = (record: LogRecord): void => {
      pipeline.take(record);
      this.#next = record.offset + 1;
    };
    // What a packet in the log could count on when it was sent has been said before it can be read.
    this.#options.refresh();
    try {
      this.#next = reader.read(this.#next, pace.readRoundBytes, take);
    } catch (cause) {
      // What came before the damage is good and is committed first.
      if (!(cause instanceof SensoriumError)) throw cause;
      this.#logFault = cause;
    }
  }

  async #commit(): Promise<void> {
    const { store, outlet, clock, known } = this.#options;
    const batch = this.#batch;
    const work = this.#work;
    const before = this.#totals;
    if (work === undefined || before === undefined) return;
    if (batch.children.length > 0 || batch.attributes.length > 0) {
      const refused = await outlet.effects({ children: batch.children, attributes: batch.attributes });
      known.settleAdmissions(refused);
    }
    let rejections = before.rejections;
    for (const count of batch.rejections.values()) rejections += count;
    const totals: HistoryTotals = {
      packets: before.packets + batch.packets,
      stored: before.stored + batch.stored,
      forwarded: before.forwarded + batch.forwarded,
      quarantined: before.quarantined + batch.quarantined,
      readings: before.readings + batch.readings,
      rejections,
      offset: this.#next,
    };
    const began = clock.monotonic();
    await store.commit({
      series: work.series.takeFresh(),
      numbers: batch.numbers,
      texts: batch.texts,
      parts: batch.parts,
      quarantine: batch.quarantine,
      notes: work.notes.takeChanges(),
      totals,
    });
    const ended = clock.monotonic();
    this.#totals = totals;
    this.#commitNotBefore = ended + this.#options.pace.lingerMs;
    const { directory } = work.pipeline;
    const seconds = (ended - began) / 1_000;
    outlet.committed(
      commitReport({ batch, totals, seconds, directory, series: work.series, watched: this.watched }),
    );
    batch.clear();
    directory.tidy();
    this.#recovered();
    this.#condemned.forgetBefore(totals.offset);
  }

  /** Opens the store and forgets everything it does not know. */
  async #reopen(): Promise<HistoryTotals> {
    const { store, known, outlet, extraStages } = this.#options;
    const batch = this.#batch;
    const { totals, series: storedSeries, notes: storedNotes } = await store.open();
    batch.clear();
    const series = new SeriesDirectory(storedSeries);
    const notes = new PresetNotes(storedNotes);
    const pipeline = new Pipeline({
      batch,
      known,
      series,
      notes,
      extraStages,
      condemned: this.#condemned,
      onBug: (cause, record) =>
        outlet.bug(cause, `packet ${record.offset} of ${record.origin} on ${record.topic}`),
    });
    this.#work = { series, notes, pipeline };
    this.#totals = totals;
    this.#next = totals.offset;
    return totals;
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
