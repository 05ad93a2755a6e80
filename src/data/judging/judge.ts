/**
 * What a batch would come to if it were stored now: the stages' own validation, dry. Promises the same answer on whatever
 * thread it is asked, since it is told all it needs. It must not know who asks, or what happens to the batch then.
 */
import { err, ok, type Result } from '../../base/result.ts';
import type { SensoriumError } from '../../model/errors.ts';
import type { PayloadFormat } from '../../model/packet.ts';
import type { IngestReceipt } from '../../model/ports/history.ts';
import type { Profile } from '../../model/profile.ts';
import { Batch } from '../pipeline/batch.ts';
import { ChannelTable } from '../pipeline/channels.ts';
import { DeviceEntry, type DeviceFacts } from '../pipeline/device-entry.ts';
import { profileRules } from '../pipeline/profile-rules.ts';
import { Validator } from '../pipeline/validator.ts';
import { SeriesDirectory } from '../series.ts';

export interface Case {
  readonly facts: DeviceFacts;
  readonly profile: Profile | undefined;
  readonly body: Uint8Array;
  readonly format: PayloadFormat;
  readonly receivedAt: number;
}

export type Judgement = Result<IngestReceipt, SensoriumError>;

export class Judge {
  readonly #batch = new Batch();
  readonly #validator = new Validator(this.#batch);

  judge({ facts, profile, body, format, receivedAt }: Case): Judgement {
    const entry = new DeviceEntry({
      facts,
      index: 0,
      rules: profileRules(profile),
      series: new SeriesDirectory([]),
      channels: new ChannelTable(),
    });
    const validator = this.#validator;
    validator.verdict.begin();
    validator.begin(entry, receivedAt);
    try {
      const fault = validator.decode(body, format);
      if (fault !== undefined) return err(fault);
      const rejected = validator.verdict.rejections.map(({ index, code, message }) => ({
        index,
        code,
        message,
      }));
      return ok({ accepted: validator.items, rejected });
    } finally {
      this.#batch.clear();
    }
  }
}
