/**
 * Follows one message in so many through the stages, and the first of each commit, so that slow times are seen, too.
 * Owns the choice and the measuring; everything else pays one compare per message. It must not know who is told.
 */
import type { Clock } from '../../base/clock.ts';
import { TRACE_EVERY, TRACES_PER_COMMIT_MAX } from '../../base/limits.ts';
import type { LogRecord } from '../../model/packet.ts';
import type { PacketOutcome, StageName, StageTrace } from '../../model/ports/traces.ts';

/** A message that is followed; its commit is still to come. */
export class OpenTrace {
  readonly #clock: Clock;
  readonly #stages: [StageName, number][] = [];
  readonly #record: Pick<LogRecord, 'offset' | 'origin' | 'topic' | 'receivedAt'>;
  readonly #takenAt: number;
  #last: number;
  outcome: PacketOutcome = 'stored';

  constructor(clock: Clock, { offset, origin, topic, receivedAt }: LogRecord) {
    this.#clock = clock;
    this.#record = { offset, origin, topic, receivedAt };
    this.#takenAt = clock.now();
    this.#last = clock.monotonic();
  }

  /** A stage is done with it. */
  passed(stage: StageName): void {
    const now = this.#clock.monotonic();
    this.#stages.push([stage, (now - this.#last) / 1_000]);
    this.#last = now;
  }

  ended(): StageTrace {
    return { ...this.#record, takenAt: this.#takenAt, outcome: this.outcome, stages: this.#stages };
  }
}

export class Tracer {
  readonly #clock: Clock;
  #left = 0;
  #open: OpenTrace[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Undefined for almost all. */
  begin(record: LogRecord): OpenTrace | undefined {
    this.#left -= 1;
    if (this.#left >= 0) return undefined;
    this.#left = TRACE_EVERY - 1;
    if (this.#open.length === TRACES_PER_COMMIT_MAX) return undefined;
    const trace = new OpenTrace(this.#clock, record);
    this.#open.push(trace);
    return trace;
  }

  /** Those of this commit; the next message is followed again. */
  take(): readonly StageTrace[] {
    const open = this.#open;
    this.#open = [];
    this.#left = 0;
    return open.map((trace) => trace.ended());
  }
}
