import type { MessageTrace } from '../../model/ports/traces.ts';
import { EXIT_OK } from '../io.ts';
import type { Session } from '../session.ts';
import { printable, renderTable } from '../table.ts';

interface Trace extends Omit<MessageTrace, 'stages'> {
  readonly stages: readonly { readonly stage: string; readonly seconds: number }[];
}

/** Messages followed through the pipeline: where their time went. */
export async function traces(session: Session): Promise<number> {
  const server = await session.server();
  const answer = await server.json<{ traces: readonly Trace[] }>('GET', '/api/v1/traces', ['traces']);
  if (session.json) session.answer(answer);
  else session.say(tableOf(answer.traces));
  return EXIT_OK;
}

function tableOf(list: readonly Trace[]): string {
  if (list.length === 0) return 'nothing was received since the start';
  const stages = [...new Set(list.flatMap((trace) => trace.stages.map(({ stage }) => stage)))];
  const head = ['received', 'from', 'topic', 'outcome', 'in the log', ...stages, 'until it could be queried'];
  const lines = list.map(({ receivedAt, takenAt, committedAt, origin, topic, outcome, ...trace }) => [
    new Date(receivedAt).toISOString().slice(0, 23).replace('T', ' '),
    printable(origin),
    printable(topic),
    outcome,
    `${takenAt - receivedAt} ms`,
    ...stages.map((name) => micros(trace.stages.find(({ stage }) => stage === name)?.seconds)),
    `${committedAt - receivedAt} ms`,
  ]);
  return renderTable(head, lines);
}

const micros = (seconds: number | undefined): string =>
  seconds === undefined ? '–' : `${Math.round(seconds * 1e6)} µs`;
