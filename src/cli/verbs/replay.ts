import { systemClock } from '../../base/clock.ts';
import { REPLAY_DEVICES_MAX, TIMESTAMP_MIN_MS } from '../../base/limits.ts';
import { problem } from '../../model/errors.ts';
import { findBroker } from '../broker.ts';
import { EXIT_FAILURE, EXIT_OK, UsageError } from '../io.ts';
import { Progress } from '../progress.ts';
import { type PlayTotals, play } from '../replay/player.ts';
import { openRecording, type Recording, type Where } from '../replay/recording.ts';
import { Schedule } from '../replay/schedule.ts';
import { type Station, Stations, stationId, stationToken } from '../replay/stations.ts';
import { openTableFile } from '../replay/table-file.ts';
import type { Session } from '../session.ts';
import { formatCount, formatDuration } from '../values.ts';

export interface ReplayOptions {
  readonly device?: string | undefined;
  readonly deviceColumn?: string | undefined;
  readonly timeColumn?: string | undefined;
  readonly where?: readonly string[] | undefined;
  readonly speed: number;
  readonly create: boolean;
  readonly token?: string | undefined;
  readonly qos: '0' | '1';
  readonly shiftToNow?: boolean | undefined;
  readonly loop?: boolean | undefined;
  readonly mqtt?: string | undefined;
  readonly ca?: string | undefined;
}

const REJECTED_LINES_SHOWN = 5;
/** A play that takes longer than this is worth a word beforehand. */
const LONG_PLAY_MS = 10 * 60_000;

/** Plays a file through MQTT as the device (or devices) it was recorded from. */
export async function replay(file: string, options: ReplayOptions, session: Session): Promise<number> {
  checkOptions(options);
  const table = await openTableFile(file, session.io.cwd);
  let shown = 0;
  const recording = await openRecording({
    table,
    where: (options.where ?? []).map(readWhere),
    timeColumn: options.timeColumn,
    deviceColumn: options.deviceColumn,
    devicesMax: REPLAY_DEVICES_MAX,
    onRejected: ({ line, reason }) => {
      shown += 1;
      if (shown <= REJECTED_LINES_SHOWN) session.note(`line ${line} is skipped: ${reason}`);
      if (shown === REJECTED_LINES_SHOWN + 1) session.note('further lines are skipped without a word');
    },
  });
  warn(recording, options, session);
  const stations = new Stations({ qos: options.qos === '0' ? 0 : 1 });
  const admitted = await admit(recording, options, session);
  let force = true;
  try {
    await stations.connect(admitted, await findBroker(options, session));
    const result = await perform(recording, options, stations, session);
    force = result.acked < result.sent;
    return report(recording, result, admitted, session, options);
  } finally {
    await stations.close(force);
  }
}

function checkOptions(options: ReplayOptions): void {
  if (options.device === undefined && options.deviceColumn === undefined) {
    throw new UsageError('name the device that plays the file: --device ID, or --device-column NAME');
  }
  if (options.token !== undefined && options.deviceColumn !== undefined) {
    throw new UsageError('--token is the token of one device; it does not go with --device-column');
  }
}

function readWhere(text: string): Where {
  const cut = text.indexOf('=');
  if (cut <= 0) throw new UsageError(`--where: "${text}" is not column=value`);
  return { column: text.slice(0, cut), value: text.slice(cut + 1) };
}

/** What the user should know before it begins; throws when there is nothing to play. */
function warn({ survey }: Recording, options: ReplayOptions, session: Session): void {
  if (survey.rows === 0) {
    throw problem('payload.not_csv', `no row can be played (${survey.rejected} were skipped)`);
  }
  if (survey.sharedTimes > 0) {
    const group = survey.groupColumn;
    const hint =
      group === undefined
        ? ''
        : `; tell them apart with --device-column ${group.column}, or choose with --where ${group.column}=${group.value}`;
    session.note(`warning: ${formatCount(survey.sharedTimes)} rows share their time with another row${hint}`);
  }
  if (survey.unsorted) {
    session.note(
      'warning: the file is not in order of time and too long to sort; rows that go back are late',
    );
  }
  if (survey.firstTs < TIMESTAMP_MIN_MS && !shifts(options)) {
    session.note('warning: readings from before 2000 are refused by the server; see --shift-to-now');
  }
  const { durationMs } = scheduleOf({ survey }, options);
  if (durationMs > LONG_PLAY_MS) {
    session.note(`this takes ${formatDuration(durationMs)} at this speed; --speed max does not wait`);
  }
}

const shifts = (options: ReplayOptions): boolean => options.shiftToNow === true || options.loop === true;

const scheduleOf = ({ survey }: Pick<Recording, 'survey'>, options: ReplayOptions): Schedule =>
  new Schedule({
    firstTs: survey.firstTs,
    lastTs: survey.lastTs,
    speed: options.speed,
    shiftToNow: shifts(options),
    startMs: systemClock.now(),
  });

async function admit(
  { survey }: Recording,
  options: ReplayOptions,
  session: Session,
): Promise<readonly Station[]> {
  const stations: Station[] = [];
  const server = options.token === undefined ? await session.server() : undefined;
  for (const cell of survey.devices) {
    const id = stationId(cell, options.device);
    const token = options.token ?? (server && (await stationToken(server, id, options.create)));
    if (token !== undefined) stations.push({ cell, id, token });
  }
  return stations;
}

interface Performance extends PlayTotals {
  readonly rounds: number;
  readonly elapsedMs: number;
  readonly interrupted: boolean;
}

async function perform(
  recording: Recording,
  options: ReplayOptions,
  stations: Stations,
  session: Session,
): Promise<Performance> {
  const signal = session.interruption();
  const progress = new Progress({ sink: session.io.stderr, now: () => systemClock.monotonic() });
  const { rows } = recording.survey;
  const start = systemClock.monotonic();
  let sent = 0;
  let acked = 0;
  let rounds = 0;
  try {
    do {
      const before = { sent, acked };
      const totals = await play({
        readings: recording.readings(),
        schedule: scheduleOf(recording, options),
        send: stations.send,
        signal,
        clock: systemClock,
        onProgress: (now) => progress.update(now.acked / rows, () => progressText(now, rows, start)),
      });
      sent = before.sent + totals.sent;
      acked = before.acked + totals.acked;
      rounds += 1;
    } while (options.loop === true && !signal.aborted);
  } finally {
    progress.end();
  }
  const elapsedMs = systemClock.monotonic() - start;
  return { sent, acked, rounds, elapsedMs, interrupted: signal.aborted };
}

function progressText(totals: PlayTotals, rows: number, start: number): string {
  const elapsed = systemClock.monotonic() - start;
  const rate = elapsed > 0 ? (totals.acked / elapsed) * 1_000 : 0;
  const left = rate > 0 ? formatDuration(((rows - totals.acked) / rate) * 1_000) : '?';
  return `${formatCount(totals.acked)} of ${formatCount(rows)} rows, ${formatCount(Math.round(rate))}/s, ${left} left`;
}

function report(
  { survey }: Recording,
  result: Performance,
  stations: readonly Station[],
  session: Session,
  options: ReplayOptions,
): number {
  const { sent, acked, rounds, elapsedMs, interrupted } = result;
  const devices = stations.map(({ id }) => id);
  const { rows, rejected } = survey;
  if (session.json) {
    const elapsed = Math.round(elapsedMs);
    session.answer({ rows, sent, acked, rejected, rounds, devices, interrupted, elapsedMs: elapsed });
  } else {
    const verb = options.qos === '0' ? 'sent' : 'acknowledged';
    const who = devices.length === 1 ? devices[0] : `${devices.length} devices`;
    const skipped = rejected === 0 ? '' : `, ${formatCount(rejected)} lines skipped`;
    const times = rounds > 1 ? ` in ${rounds} rounds` : '';
    const took = formatDuration(elapsedMs);
    session.say(
      `${who}: ${formatCount(acked)} of ${formatCount(rows * rounds)} rows ${verb}${times}${skipped}, ${took}`,
    );
  }
  const complete = acked === sent && (options.loop === true || !interrupted);
  return complete ? EXIT_OK : EXIT_FAILURE;
}
