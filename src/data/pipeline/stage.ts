import type { LogRecord } from '../../model/packet.ts';
import type { StageName } from '../../model/ports/traces.ts';
import type { Batch } from './batch.ts';
import type { Verdict } from './verdict.ts';

/** One packet on its way, and the rows of the batch that are its own: from here to the ends of the columns. */
export interface PacketWork {
  readonly record: LogRecord;
  readonly batch: Batch;
  readonly numbersFrom: number;
  readonly textsFrom: number;
  /** What is refused of it: stages add to it, the pipeline settles it when all have run. */
  readonly verdict: Verdict;
}

/**
 * A step of the pipeline. Only `validate` reads the record; the later ones work on columns alone, by channel and
 * series number, so that they can move to other threads. A stage that throws has a bug: its packet is set aside.
 */
export interface Stage {
  readonly name: StageName;
  run(work: PacketWork): void;
  /**
   * The log has been read to its end and time goes on: what follows from that alone (silence, windows that are over)
   * goes into the batch. `now` is wall time in milliseconds; answers when to be asked again, Infinity = never.
   */
  idle?(batch: Batch, now: number): number;
}
