import { Analyze } from '../../src/data/pipeline/analyze/analyze.ts';
import { Batch } from '../../src/data/pipeline/batch.ts';
import { ChannelTable } from '../../src/data/pipeline/channels.ts';
import { DeviceDirectory } from '../../src/data/pipeline/device-directory.ts';
import type { DeviceEntry } from '../../src/data/pipeline/device-entry.ts';
import { KnownDevices } from '../../src/data/pipeline/known-devices.ts';
import { Validator } from '../../src/data/pipeline/validator.ts';
import { Verdict } from '../../src/data/pipeline/verdict.ts';
import { SeriesDirectory } from '../../src/data/series.ts';
import type { AnalysisSchema } from '../../src/model/analysis.ts';
import type { LogRecord } from '../../src/model/packet.ts';
import type { Profile } from '../../src/model/profile.ts';
import type { Measurement, Scenario } from '../harness/scenario.ts';
import { median } from '../harness/statistics.ts';

/** Readings handed to the validator, or to the analysis, in one round. */
const READINGS = 2_000_000;
/** Readings of one batch: the columns of a commit. */
const BATCH = 20_000;
const DEVICES = 1_000;
const START = 1_790_000_000_000;

type Metric = Profile['metrics'][string];

/** Devices with metrics `t` and `h`, and all that the stages need for them. */
function workshop(metric: Metric, derived?: Profile['derived'], h: Metric = metric) {
  const batch = new Batch();
  const known = new KnownDevices();
  known.putProfile({ id: 'p' as Profile['id'], version: 1, metrics: { t: metric, h }, derived });
  for (let at = 0; at < DEVICES; at += 1) known.put({ id: `d${at}`, profile: 'p', gateway: false });
  const series = new SeriesDirectory([]);
  const channels = new ChannelTable();
  const directory = new DeviceDirectory({ known, series, channels });
  const validator = new Validator(batch);
  const analyze = new Analyze({ channels, directory, series, states: [] });
  const devices = Array.from({ length: DEVICES }, (_, at) => directory.get(`d${at}`));
  return { batch, channels, validator, analyze, devices: devices.filter((device) => device !== undefined) };
}

type Workshop = ReturnType<typeof workshop>;

const record = { receivedAt: START } as LogRecord;

/** Millions of values a second through the validator, as a decoder would hand them over: two per packet. */
function validateMps({ batch, validator, devices }: Workshop, readings: number): number {
  const [device] = devices as [DeviceEntry];
  const begun = performance.now();
  for (let at = 0; at < readings; at += 2) {
    if (at % BATCH === 0) batch.clear();
    validator.verdict.begin();
    validator.begin(device, START + at);
    validator.value(0, 't', undefined, 20 + (at % 100) / 10);
    validator.value(0, 'h', undefined, 40 + (at % 50) / 10);
    validator.end();
  }
  return readings / (performance.now() - begun) / 1_000;
}

/** Millions of readings a second through the analysis: every device in turn, a second apart. */
function analyzeMps({ batch, channels, validator, analyze, devices }: Workshop, readings: number): number {
  let took = 0;
  for (let done = 0; done < readings; done += BATCH) {
    batch.clear();
    validator.verdict.begin();
    for (let at = 0; at < BATCH; at += 1) {
      const device = devices[at % DEVICES];
      if (device === undefined) continue;
      validator.begin(device, START + Math.floor((done + at) / DEVICES) * 1_000);
      validator.value(0, 't', undefined, 20 + ((at * 7_919 + done) % 1_009) / 1_009);
    }
    const { series, channel, size } = batch.numbers;
    for (let row = 0; row < size; row += 1) series[row] = channels.series[channel[row] ?? 0] ?? 0;
    const begun = performance.now();
    analyze.run({ record, batch, numbersFrom: 0, textsFrom: 0, verdict: new Verdict() });
    took += performance.now() - begun;
  }
  return readings / took / 1_000;
}

const number = { type: 'number' } as const;
const RANGE: AnalysisSchema = { range: { low: 0, high: 100, margin: 1 } };
const EVERYTHING: AnalysisSchema = {
  ...RANGE,
  rate: { perSecond: 10 },
  stuck: { for: '1h' },
  zscore: { window: 60, limit: 6 },
  ewma: { baseline: 50, limit: 8 },
  missing: { after: '1h' },
};

interface Case {
  readonly what: string;
  readonly run: (readings: number) => number;
}

const validating = (what: string, metric: Metric, derived?: Profile['derived']): Case => ({
  what,
  run: (readings) => validateMps(workshop(metric, derived), readings),
});
const analyzing = (what: string, analysis: AnalysisSchema | undefined): Case => ({
  what,
  run: (readings) => {
    // Another metric is watched in any case.
    const made = workshop({ ...number, analysis }, undefined, { ...number, analysis: RANGE });
    const [device] = made.devices as [DeviceEntry];
    made.validator.verdict.begin();
    made.validator.begin(device, START);
    made.validator.value(0, 'h', undefined, 40);
    return analyzeMps(made, readings);
  },
});

const PLAIN = 'validate: scale and offset';
const LINEAR = 'validate: expression value * 1.8 + 32.0';
const CASES: readonly Case[] = [
  validating(PLAIN, { ...number, scale: 1.8, offset: 32 }),
  validating(LINEAR, { ...number, expression: 'value * 1.8 + 32.0' }),
  validating('validate: expression with branch and root', {
    ...number,
    expression: 'value > 10.0 ? math.sqrt(value) * 1.5 : value / 2.0',
  }),
  validating('validate: one derived of two', number, { d: { expression: 't + 0.5 * h' } }),
  analyzing('analyze: a series that is not watched', undefined),
  analyzing('analyze: range', RANGE),
  analyzing('analyze: all six detectors', EVERYTHING),
];

export const scenario: Scenario = {
  name: 'analysis',
  description:
    'Readings through validation with expressions, and through the detectors, in memory on one thread',
  async run(context) {
    const readings = context.scaled(READINGS);
    for (const { run } of CASES) run(Math.ceil(readings / 10));
    const found = new Map<string, number[]>(CASES.map(({ what }) => [what, []]));
    for (let round = 0; round < context.rounds; round += 1) {
      for (const { what, run } of CASES) found.get(what)?.push(run(readings));
    }
    const mps = (what: string): number => median(found.get(what) ?? []);
    return [
      ...CASES.map(
        ({ what }): Measurement => ({
          what,
          value: mps(what),
          unit: 'M readings/s',
          asked: what.includes('expression') ? { atLeast: 1 } : undefined,
        }),
      ),
      { what: 'an expression against scale and offset', value: mps(PLAIN) / mps(LINEAR), unit: '× the time' },
    ];
  },
};
