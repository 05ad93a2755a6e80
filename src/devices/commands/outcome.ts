import type { Command } from '../../model/commands.ts';
import { schemaFault } from '../registry/schema-check.ts';
import type { Reply } from './reply.ts';

/** What a last reply makes of a command. */
export interface Outcome extends Pick<Command, 'result' | 'error'> {
  readonly state: 'answered' | 'failed';
}

/** `schema`: what the profile says of results. A result that does not fit is kept, as that of a failure. */
export async function outcomeOf(
  reply: Exclude<Reply, { readonly kind: 'running' }>,
  schema: object | undefined,
): Promise<Outcome> {
  const { result } = reply;
  if (reply.kind === 'failed')
    return { state: 'failed', result, error: { code: reply.code, message: reply.message } };
  const fault = schema === undefined ? undefined : await schemaFault(schema, result);
  if (fault === undefined) return { state: 'answered', result };
  const message = `the result does not fit the profile: ${fault}`;
  return { state: 'failed', result, error: { code: 'command.reply', message } };
}
