/** Who takes part in a comparison. */
import { hasAedes, startAedes } from './aedes.ts';
import type { StartBroker } from './broker.ts';
import { startMosquitto } from './mosquitto.ts';
import { Platform } from './platform.ts';
import type { BenchContext } from './scenario.ts';

export const oursAndMosquitto: readonly StartBroker[] = [
  async (folder) => await Platform.start(folder),
  startMosquitto,
];

export function everyBroker(context: BenchContext): readonly StartBroker[] {
  if (hasAedes()) return [...oursAndMosquitto, startAedes];
  context.say('aedes: not installed, left out');
  return oursAndMosquitto;
}
