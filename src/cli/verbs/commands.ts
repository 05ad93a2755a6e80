import type { Command, CommandTerms } from '../../model/commands.ts';
import { isOpen } from '../../model/commands.ts';
import { isRecord, parseJson } from '../foreign.ts';
import { EXIT_FAILURE, EXIT_OK, UsageError } from '../io.ts';
import { devicePath } from '../server.ts';
import type { Session } from '../session.ts';
import { printable, renderTable } from '../table.ts';
import { readPair } from '../values.ts';

export interface SendCommandOptions extends CommandTerms {
  /** Milliseconds. */
  readonly wait: number;
}

interface Sending {
  readonly device: string;
  readonly name: string;
  readonly args: readonly string[];
  readonly options: SendCommandOptions;
}

/** Exit 1 where the device failed; what is still open is no failure. */
export async function sendCommand(
  { device, name, args, options }: Sending,
  session: Session,
): Promise<number> {
  const { wait, timeout, expiry, retries, delivery } = options;
  const body = { arguments: argumentsOf(args), timeout, expiry, retries, delivery };
  const server = await session.server();
  const path = devicePath(device, `/commands/${encodeURIComponent(name)}`);
  const command = await server.json<Command>('POST', path, ['id', 'state'], {
    query: { wait: wait / 1_000 },
    body,
  });
  return tell(command, session);
}

export async function listCommands(
  device: string,
  limit: number | undefined,
  session: Session,
): Promise<number> {
  const server = await session.server();
  const path = devicePath(device, '/commands');
  const answer = await server.json<{ commands: readonly Command[] }>('GET', path, ['commands'], {
    query: { limit },
  });
  if (session.json) session.answer(answer);
  else session.say(answer.commands.length === 0 ? 'no commands' : commandTable(answer.commands));
  return EXIT_OK;
}

export async function showCommand(request: string, session: Session): Promise<number> {
  const server = await session.server();
  return tell(await server.json<Command>('GET', commandPath(request), ['id', 'state']), session);
}

export async function cancelCommand(request: string, session: Session): Promise<number> {
  const server = await session.server();
  const command = await server.json<Command>('DELETE', commandPath(request), ['id', 'state']);
  if (session.json) session.answer(command);
  else session.say(`${request} is cancelled`);
  return EXIT_OK;
}

const commandPath = (request: string): string => `/api/v1/commands/${encodeURIComponent(request)}`;

function tell(command: Command, session: Session): number {
  if (session.json) session.answer(command);
  else session.say(lines(command).join('\n'));
  return command.state === 'failed' || command.state === 'expired' ? EXIT_FAILURE : EXIT_OK;
}

function lines(command: Command): readonly string[] {
  const { id, device, name, state, attempts, progress, result, error, reason } = command;
  const percent = progress?.percent === undefined ? '' : `${progress.percent} % `;
  return [
    `${name} of ${device}: ${state}${reason === undefined ? '' : ` (${reason})`}, sent ${attempts} times`,
    ...(progress === undefined ? [] : [`progress  ${percent}${printable(progress.message ?? '')}`]),
    ...(result === undefined || result === null ? [] : [`result    ${printable(JSON.stringify(result))}`]),
    ...(error === undefined
      ? []
      : [
          `error     ${error.code === undefined ? '' : `[${printable(error.code)}] `}${printable(error.message)}`,
        ]),
    ...(isOpen(command) ? [`ask again: sensorium command show ${id}`] : []),
  ];
}

function argumentsOf(args: readonly string[]): Readonly<Record<string, unknown>> {
  const [first = ''] = args;
  if (!first.trimStart().startsWith('{'))
    return Object.fromEntries(args.map((text) => readPair(text, 'name')));
  const given = parseJson(first);
  if (!isRecord(given) || args.length > 1) throw new UsageError('give one JSON object, or name=value pairs');
  return given;
}

function commandTable(commands: readonly Command[]): string {
  const rows = commands.map(({ id, name, state, reason, attempts, createdAt, by }) => [
    id,
    name,
    reason === undefined ? state : `${state} (${reason})`,
    String(attempts),
    new Date(createdAt).toISOString(),
    by,
  ]);
  return renderTable(['request', 'command', 'state', 'sent', 'asked', 'by'], rows);
}
