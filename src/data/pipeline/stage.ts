import type { LogRecord } from '../../model/packet.ts';
import type { Batch } from './batch.ts';

/** One packet on its way, and the rows of the batch that are its own: from here to the ends of the columns. */
export interface PacketWork {
  readonly record: LogRecord;
  readonly batch: Batch;
  readonly numbersFrom: number;
  readonly textsFrom: number;
}

/**
 * A step of the pipeline. Only `validate` reads the record; the later ones work on columns alone, by channel and
 * series number, so that they can move to other threads. A stage that throws has a bug: its packet is set aside.
 */
export interface Stage {
  readonly name: 'validate' | 'transform' | 'analyze' | 'aggregate';
  run(work: PacketWork): void;
}
