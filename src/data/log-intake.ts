import { HTTP_BODY_MAX_BYTES } from '../base/limits.ts';
import { err, type Result } from '../base/result.ts';
import { asSensoriumError, problem, type SensoriumError } from '../model/errors.ts';
import type { DeviceId } from '../model/ids.ts';
import type { Offset } from '../model/packet.ts';
import type { IngestReceipt, Intake } from '../model/ports/history.ts';
import { type Account, type DropReason, OTHER_SENDERS, type Receipts } from '../model/ports/ledger.ts';
import { type Log, REFUSED } from '../model/ports/log.ts';
import type { Meter } from '../model/ports/meter.ts';
import type { Registry } from '../model/ports/registry.ts';
import { telemetryTopic } from '../model/topics.ts';
import type { Judgement } from './judging/judge.ts';
import { Judges } from './judging/judges.ts';
import { toFacts } from './registry-feed.ts';

interface LogIntakeOptions {
  readonly log: Log;
  readonly registry: Registry;
  readonly receipts: Receipts;
  readonly meter: Meter;
}

/**
 * The door for senders who want an answer per item: the stages' own validation, dry (`judging/`), then the log. What only the
 * memory of history can tell (text where a metric has been a number) goes to the quarantine later.
 */
export class LogIntake implements Intake {
  readonly #log: Log;
  readonly #registry: Registry;
  readonly #receipts: Receipts;
  readonly #judges: Judges;

  constructor(options: LogIntakeOptions) {
    this.#log = options.log;
    this.#registry = options.registry;
    this.#receipts = options.receipts;
    this.#judges = new Judges(options.meter);
  }

  async submit(batch: Parameters<Intake['submit']>[0]): Promise<Result<IngestReceipt, SensoriumError>> {
    const { device, body, receivedAt } = batch;
    if (body.length > HTTP_BODY_MAX_BYTES) {
      this.refused({ device, receivedAt, reason: 'too_large' });
      return err(problem('payload.too_large', `${body.length} bytes`));
    }
    const receipt = await this.#check(batch);
    if (!receipt.ok || receipt.value.accepted === 0) {
      this.refused({ device, receivedAt, reason: receipt.ok ? 'rejected' : reasonOf(receipt.error) });
      return receipt;
    }
    // Counted with its outcome, in one turn: a tally between the two would find it missing.
    const account = this.#receipts.account(device);
    account.received(receivedAt);
    const offset = this.#append(batch, receipt.value.rejected.length > 0);
    if (offset === REFUSED) {
      account.dropped(receivedAt, 'log_refused');
      return err(problem(this.#log.refusal, 'the log did not take the batch'));
    }
    account.logged(receivedAt, offset);
    try {
      await this.#log.committed(offset);
      return receipt;
    } catch (cause) {
      return err(asSensoriumError(cause));
    }
  }

  refused({ device, receivedAt, reason }: Parameters<Intake['refused']>[0]): void {
    const account = this.#accountOf(device);
    account.received(receivedAt);
    account.dropped(receivedAt, reason);
  }

  /** Names that are no device's are not kept apart: there is no end of them. */
  #accountOf(device: DeviceId): Account {
    return this.#receipts.account(this.#registry.get(device) === undefined ? OTHER_SENDERS : device);
  }

  /** `checked`: where nothing was rejected the sender was told of nothing, and the quarantine has to say what changes. */
  #append(batch: Parameters<Intake['submit']>[0], checked: boolean): Offset {
    const { device, body: payload, format, receivedAt } = batch;
    const topic = telemetryTopic(device);
    return this.#log.append({ origin: device, topic, payload, receivedAt, qos: 1, format, checked });
  }

  async #check({ device, ...batch }: Parameters<Intake['submit']>[0]): Promise<Judgement> {
    const registered = this.#registry.get(device);
    if (registered === undefined) return err(problem('device.unknown', `"${device}" is not registered`));
    const profile = this.#registry.profile(registered.profile);
    return await this.#judges.judge({ ...batch, facts: toFacts(registered), profile });
  }

  /** Ends what threads there are; a later batch brings them back. */
  async stop(): Promise<void> {
    await this.#judges.stop();
  }
}

const reasonOf = ({ status }: SensoriumError): DropReason => (status === 503 ? 'busy' : 'invalid');
