import { HTTP_BODY_MAX_BYTES } from '../base/limits.ts';
import { err, ok, type Result } from '../base/result.ts';
import { asSensoriumError, problem, type SensoriumError } from '../model/errors.ts';
import type { IngestReceipt, Intake } from '../model/ports/history.ts';
import { type Log, REFUSED } from '../model/ports/log.ts';
import type { Registry } from '../model/ports/registry.ts';
import { telemetryTopic } from '../model/topics.ts';
import { Batch } from './pipeline/batch.ts';
import { ChannelTable } from './pipeline/channels.ts';
import { DeviceEntry } from './pipeline/device-entry.ts';
import { profileRules } from './pipeline/profile-rules.ts';
import { Validator } from './pipeline/validator.ts';
import { toFacts } from './registry-feed.ts';
import { SeriesDirectory } from './series.ts';

interface LogIntakeOptions {
  readonly log: Log;
  readonly registry: Registry;
}

/**
 * The door for senders who want an answer per item: the stages' own validation, dry, then the log. What only the
 * memory of history can tell (text where a metric has been a number) goes to the quarantine later.
 */
export class LogIntake implements Intake {
  readonly #log: Log;
  readonly #registry: Registry;
  readonly #batch = new Batch();
  readonly #validator = new Validator(this.#batch);

  constructor(options: LogIntakeOptions) {
    this.#log = options.log;
    this.#registry = options.registry;
  }

  async submit(batch: Parameters<Intake['submit']>[0]): Promise<Result<IngestReceipt, SensoriumError>> {
    const { device, body, format, receivedAt } = batch;
    if (body.length > HTTP_BODY_MAX_BYTES) return err(problem('payload.too_large', `${body.length} bytes`));
    const receipt = this.#check(batch);
    if (!receipt.ok || receipt.value.accepted === 0) return receipt;
    const offset = this.#log.append({
      origin: device,
      topic: telemetryTopic(device),
      payload: body,
      receivedAt,
      qos: 1,
      format,
      // Where nothing was rejected the sender was told of nothing: if the profile changes on the way, the
      // quarantine has to say so.
      checked: receipt.value.rejected.length > 0,
    });
    if (offset === REFUSED) return err(problem(this.#log.refusal, 'the log did not take the batch'));
    try {
      await this.#log.committed(offset);
      return receipt;
    } catch (cause) {
      return err(asSensoriumError(cause));
    }
  }

  #check({
    device,
    body,
    format,
    receivedAt,
  }: Parameters<Intake['submit']>[0]): Result<IngestReceipt, SensoriumError> {
    const registered = this.#registry.get(device);
    if (registered === undefined) return err(problem('device.unknown', `"${device}" is not registered`));
    const entry = new DeviceEntry({
      facts: toFacts(registered),
      index: 0,
      rules: profileRules(this.#registry.profile(registered.profile)),
      series: new SeriesDirectory([]),
      channels: new ChannelTable(),
    });
    this.#validator.begin(entry, receivedAt);
    try {
      const fault = this.#validator.decode(body, format);
      if (fault !== undefined) return err(fault);
      const rejected = this.#validator.rejections.map(({ index, code, message }) => ({
        index,
        code,
        message,
      }));
      return ok({ accepted: this.#validator.items, rejected });
    } finally {
      this.#batch.clear();
    }
  }
}
