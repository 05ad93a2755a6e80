/**
 * Registers a test that holds the server to statements of a standard, on a server of its own.
 * `scripts/conformance-doc.ts` finds these calls by their text, so the standard, the ids and the title stand
 * there as plain literals; rows of a kind are proven in a loop inside one test.
 */
import { it } from 'vitest';
import { type Rig, startRig } from '../test-support.ts';
import type { Standard } from './statement.ts';

type RigOptions = Parameters<typeof startRig>[0];

/** The name of such a test in a report: `[MQTT-3.1.0-1] a first packet that is no CONNECT …`. */
const caseTitle = (ids: readonly string[], what: string): string =>
  `${ids.map((id) => `[${id}]`).join(' ')} ${what}`;

export function conformance(
  _standard: Standard,
  ids: readonly string[],
  what: string,
  prove: (rig: Rig) => Promise<void>,
  options?: RigOptions,
): void {
  it(caseTitle(ids, what), async () => {
    await using rig = await startRig(options);
    await prove(rig);
  });
}
