/** Values that admitted devices broadcast (Bluetooth beacons) on their way into the log, as if they had sent them. */
import type { Clock } from '../base/clock.ts';
import type { DeviceId } from '../model/ids.ts';
import type { Intake } from '../model/ports/history.ts';
import type { Reading } from '../model/reading.ts';

interface Broadcast {
  readonly device: DeviceId;
  readonly readings: readonly Omit<Reading, 'device'>[];
  readonly intake: Pick<Intake, 'submit'>;
  readonly clock: Clock;
}

/**
 * A broadcast is said once and to nobody in particular: what cannot be stored is counted by the intake and in the ledger,
 * and nobody is told.
 */
export function submitBroadcast({ device, readings, intake, clock }: Broadcast): void {
  // SenML (RFC 8428, 4.3), as it carries units; times are seconds.
  const records = readings.map(({ metric, ts, value, unit }) => ({
    n: metric,
    t: ts / 1_000,
    ...(unit === undefined ? {} : { u: unit }),
    ...(typeof value === 'number'
      ? { v: value }
      : typeof value === 'boolean'
        ? { vb: value }
        : { vs: value }),
  }));
  const body = new TextEncoder().encode(JSON.stringify(records));
  void intake.submit({ device, body, format: 'senml+json', receivedAt: clock.now() }).catch(() => undefined);
}
