/** Durable ingest beside Mosquitto's not-durable one: rounds interleaved, so that both meet the same machine. */
import { caughtUp, pidOf, startServer, target } from './fleet.ts';
import { Mosquitto } from './mosquitto.ts';
import { type LoadResult, publish, READINGS_PER_MESSAGE } from './mqtt-load.ts';
import { usageOf } from './processes.ts';
import type { BenchContext } from './scenario.ts';

export interface OwnRound {
  readonly load: LoadResult;
  /** First message sent to last reading queryable. */
  readonly queryableInS: number;
  readonly readings: number;
  /** Server time of both threads per message, until queryable. */
  readonly cpuUs: number;
  readonly peakRssMiB: number;
}

interface Load {
  readonly messages: number;
  readonly rate?: number | undefined;
  readonly subscribed: boolean;
}

export async function ownRound(context: BenchContext, name: string, load: Load): Promise<OwnRound> {
  const folder = context.folder(name);
  await using server = await startServer(`${folder}/data`);
  const aim = await target(server, load.subscribed);
  const before = usageOf(pidOf(server));
  const result = await publish(folder, aim, load);
  const ended = performance.now();
  const totals = await caughtUp(server);
  const lagS = (performance.now() - ended) / 1000;
  const after = usageOf(pidOf(server));
  await server.stop();
  const readings = result.acknowledged * READINGS_PER_MESSAGE;
  if (totals.readings !== readings) {
    throw new Error(
      `${readings} readings acknowledged, ${totals.readings} in history: ${JSON.stringify(totals)}`,
    );
  }
  return {
    load: result,
    queryableInS: result.drainedInS + lagS,
    readings,
    cpuUs: ((after.cpuS - before.cpuS) * 1e6) / result.sent,
    peakRssMiB: after.peakRssMiB,
  };
}

export async function mosquittoRound(context: BenchContext, name: string, load: Load): Promise<LoadResult> {
  const folder = context.folder(name);
  await using broker = await Mosquitto.start(folder);
  return await publish(folder, broker.target(load.subscribed), load);
}

export async function interleaved(
  context: BenchContext,
  load: Load,
): Promise<readonly { readonly own: OwnRound; readonly mosquitto: LoadResult }[]> {
  const rounds: { own: OwnRound; mosquitto: LoadResult }[] = [];
  for (let round = 1; round <= context.rounds; round += 1) {
    const own = await ownRound(context, `sensorium-${round}`, load);
    const mosquitto = await mosquittoRound(context, `mosquitto-${round}`, load);
    rounds.push({ own, mosquitto });
    context.say(
      `round ${round}: sensorium ${Math.round(own.load.acknowledged / own.load.acknowledgedInS)} acknowledged/s, ` +
        `in history after ${own.queryableInS.toFixed(1)} s; ` +
        `mosquitto ${Math.round(mosquitto.acknowledged / mosquitto.acknowledgedInS)} acknowledged/s`,
    );
  }
  return rounds;
}
