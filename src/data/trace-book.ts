/** The last traces, and what they say as metrics. Bounded; a restart forgets it. */
import { TRACES_KEPT_MAX } from '../base/limits.ts';
import type { Meter } from '../model/ports/meter.ts';
import type { MessageTrace, Traces } from '../model/ports/traces.ts';

export class TraceBook implements Traces {
  readonly #meter: Meter;
  #kept: readonly MessageTrace[] = [];

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  recent(): readonly MessageTrace[] {
    return this.#kept;
  }

  add(traces: readonly MessageTrace[]): void {
    if (traces.length === 0) return;
    for (const { stages, receivedAt, committedAt } of traces) {
      for (const [stage, seconds] of stages)
        this.#meter.observe('iot_pipeline_stage_seconds', seconds, { stage });
      // Clocks may be set between the two.
      this.#meter.observe('iot_pipeline_delay_seconds', Math.max(0, committedAt - receivedAt) / 1_000);
    }
    this.#kept = [...traces.toReversed(), ...this.#kept].slice(0, TRACES_KEPT_MAX);
  }
}
