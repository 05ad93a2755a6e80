import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RowReading } from './columns.ts';
import { openRecording, type RecordingOptions, type RejectedRow } from './recording.ts';
import { Schedule } from './schedule.ts';
import { openTableFile } from './table-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sensorium-recording-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function open(name: string, text: string, over: Partial<RecordingOptions> = {}) {
  await writeFile(join(folder, name), text);
  const rejected: RejectedRow[] = [];
  const table = await openTableFile(name, folder);
  const onRejected = (row: RejectedRow) => void rejected.push(row);
  const recording = await openRecording({ table, where: [], devicesMax: 3, onRejected, ...over });
  const readings: RowReading[] = [];
  for await (const reading of recording.readings()) readings.push(reading);
  return { recording, readings, rejected };
}

describe('a recording', () => {
  it('plays the weather of two cities one beside the other, in order of time', async () => {
    const table = await openTableFile('weather.csv', folder);
    const options = { table, where: [], devicesMax: 200, onRejected: () => undefined };
    const { survey } = await openRecording({ ...options, deviceColumn: 'location' });
    expect(survey).toMatchObject({ rows: 2_922, rejected: 0, sharedTimes: 0, unsorted: false });
    expect(survey.devices).toEqual(['Seattle', 'New York']);
    const together = await openRecording(options);
    expect(together.survey.sharedTimes).toBe(1_461);
    expect(together.survey.groupColumn).toEqual({ column: 'location', value: 'Seattle' });
    const seattle = await openRecording({ ...options, where: [{ column: 'location', value: 'Seattle' }] });
    expect(seattle.survey).toMatchObject({ rows: 1_461, sharedTimes: 0 });
    let previous = 0;
    for await (const { ts } of together.readings()) {
      expect(ts).toBeGreaterThanOrEqual(previous);
      previous = ts;
    }
  });

  it('puts a file in order and keeps equal times in the order of the file', async () => {
    const { readings } = await open(
      'order.csv',
      'time,a\n2012-01-03,3\n2012-01-01,1\n2012-01-03,4\n2012-01-02,2\n',
    );
    expect(readings.map(({ values }) => values['a'])).toEqual([1, 2, 3, 4]);
  });

  it('skips rows it cannot play and says where they stand', async () => {
    const { readings, rejected } = await open(
      'holes.csv',
      'time,a,b\r\n2012-01-01,1\r\nsoon,2,x\r\n2012-01-02,3,y,z\r\n2012-01-03,,\r\n2012-01-04,5,w\r\n',
    );
    expect(readings.map(({ values }) => values)).toEqual([{ a: 1 }, { a: 5, b: 'w' }]);
    expect(rejected).toEqual([
      { line: 3, reason: '"soon" is no time' },
      { line: 4, reason: '4 cells, but 3 columns' },
      { line: 5, reason: 'no values' },
    ]);
  });

  it('reads arrays of JSON records, leaving nested values out', async () => {
    const text = JSON.stringify([
      { ts: 1325376000000, t: 1.5, deep: { x: 1 } },
      7,
      { ts: 1325376001000, on: true },
    ]);
    const { readings, rejected } = await open('records.json', text);
    expect(readings).toEqual([
      { ts: 1325376000000, device: undefined, values: { t: 1.5 } },
      { ts: 1325376001000, device: undefined, values: { on: true } },
    ]);
    expect(rejected).toEqual([{ line: 2, reason: 'not a JSON object' }]);
  });

  it('reads NDJSON, where a broken line is one broken row', async () => {
    const { readings, rejected } = await open(
      'lines.ndjson',
      '{"time":"2012-01-01","a":1}\n{"tim\n\n{"time":"2012-01-02","a":2}\n',
    );
    expect(readings).toHaveLength(2);
    expect(rejected).toHaveLength(1);
  });

  it('refuses more devices than it may have connections', async () => {
    const text = 'time,id,a\n2012-01-01,a,1\n2012-01-01,b,1\n2012-01-01,c,1\n2012-01-01,d,1\n';
    await expect(open('many.csv', text, { deviceColumn: 'id' })).rejects.toMatchObject({
      code: 'payload.not_csv',
    });
  });

  it.each([
    ['no file', 'absent.csv', undefined, 'file.unreadable'],
    ['an empty file', 'empty.csv', '', 'payload.not_csv'],
    ['a file without a header', 'bare.csv', '1,2\n3,4\n', 'payload.not_csv'],
    ['a file without a time', 'timeless.csv', 'a,b\nx,y\n', 'payload.not_csv'],
    ['a JSON file that breaks off', 'half.json', '[{"ts":1', 'payload.not_json'],
    ['a JSON file that is no array', 'object.json', '{}', 'payload.not_json'],
  ])('refuses %s with its code', async (_what, name, text, code) => {
    if (text !== undefined) await expect(open(name, text)).rejects.toMatchObject({ code });
    else await expect(openTableFile(name, folder)).rejects.toMatchObject({ code });
  });
});

describe('the schedule', () => {
  const day = 86_400_000;
  const base = { firstTs: 10 * day, lastTs: 20 * day, startMs: 1_000 * day };

  it('divides the original spacing by the speed', () => {
    const schedule = new Schedule({ ...base, speed: 1_000, shiftToNow: false });
    expect(schedule.durationMs).toBe((10 * day) / 1_000);
    expect(schedule.dueMs(11 * day)).toBe(day / 1_000);
    expect(schedule.sentTs(11 * day)).toBe(11 * day);
    expect(schedule.dueMs(5 * day)).toBe(0);
  });

  it('does not wait at full speed', () => {
    const schedule = new Schedule({ ...base, speed: Number.POSITIVE_INFINITY, shiftToNow: true });
    expect(schedule.dueMs(15 * day)).toBe(0);
    expect(schedule.sentTs(20 * day)).toBe(1_000 * day);
  });

  it.each([1, 1_000])('shifted to now at %ix, the last reading falls on the moment it is sent', (speed) => {
    const schedule = new Schedule({ ...base, speed, shiftToNow: true });
    expect(schedule.sentTs(20 * day)).toBe(1_000 * day + schedule.dueMs(20 * day));
    expect(schedule.sentTs(10 * day)).toBeLessThanOrEqual(1_000 * day);
  });
});
