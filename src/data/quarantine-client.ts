import type { Result } from '../base/result.ts';
import type { SensoriumError } from '../model/errors.ts';
import type { Offset } from '../model/packet.ts';
import type {
  Quarantine,
  QuarantinedPacket,
  QuarantineFilter,
  QuarantineOutcome,
  QuarantineRow,
  QuarantineStep,
} from '../model/ports/quarantine.ts';
import { checkLimit, type HistoryClient } from './history-client.ts';

/** The quarantine as rooms see it: questions and steps for the data worker. */
export class QuarantineClient implements Quarantine {
  readonly #ask: HistoryClient['ask'];

  constructor(history: HistoryClient) {
    this.#ask = (query) => history.ask(query);
  }

  async list(
    query: QuarantineFilter & { readonly limit?: number | undefined },
  ): Promise<Result<readonly QuarantineRow[], SensoriumError>> {
    const { limit, device, code, since, until } = query;
    const checked = checkLimit(limit);
    const filter = { device, code, since, until };
    return checked.ok ? this.#ask({ kind: 'quarantine', filter, limit: checked.value }) : checked;
  }

  show(offset: Offset): Promise<Result<QuarantinedPacket, SensoriumError>> {
    return this.#ask({ kind: 'quarantined', offset });
  }

  step(step: QuarantineStep): Promise<Result<QuarantineOutcome, SensoriumError>> {
    return this.#ask({ kind: 'step', step });
  }
}
