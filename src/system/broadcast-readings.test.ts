import { expect, it } from 'vitest';
import { ManualClock } from '../base/clock.ts';
import { ok } from '../base/result.ts';
import type { DeviceId } from '../model/ids.ts';
import type { Intake } from '../model/ports/history.ts';
import { submitBroadcast } from './broadcast-readings.ts';

it('values of a beacon go in as SenML, with units and their own time; a failing intake harms nobody', async () => {
  const clock = new ManualClock();
  const device = 'ruuvi' as DeviceId;
  const submitted: unknown[] = [];
  const intake: Pick<Intake, 'submit'> = {
    submit({ body, ...rest }) {
      submitted.push({ ...rest, records: JSON.parse(new TextDecoder().decode(body)) as unknown });
      return submitted.length === 1
        ? Promise.resolve(ok({ accepted: 3, rejected: [] }))
        : Promise.reject(new Error('the log is gone'));
    },
  };
  const ts = 1_790_000_000_500;
  const readings = [
    { metric: 'temperature', ts, value: 21.5, unit: 'Cel' },
    { metric: 'motion', ts, value: true },
    { metric: 'label', ts, value: 'x' },
  ];
  submitBroadcast({ device, readings, intake, clock });
  submitBroadcast({ device, readings: [], intake, clock });
  await Promise.resolve();
  expect(submitted[0]).toEqual({
    device,
    format: 'senml+json',
    receivedAt: clock.now(),
    records: [
      { n: 'temperature', t: ts / 1_000, u: 'Cel', v: 21.5 },
      { n: 'motion', t: ts / 1_000, vb: true },
      { n: 'label', t: ts / 1_000, vs: 'x' },
    ],
  });
});
