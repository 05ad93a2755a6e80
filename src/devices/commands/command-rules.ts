import {
  COMMAND_ARGUMENTS_MAX_BYTES,
  COMMAND_EXPIRY_MAX_MS,
  COMMAND_SCHEMA_MAX_BYTES,
  COMMAND_TIMEOUT_MAX_MS,
  JSON_DEPTH_MAX,
} from '../../base/limits.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { type CommandSchema, CommandTerms, resolveTerms, type Terms } from '../../model/commands.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { CommandRequest } from '../../model/ports/commands.ts';
import type { Profile } from '../../model/profile.ts';
import { schemaFault } from '../registry/schema-check.ts';
import { quoted } from '../registry/text-rules.ts';
import { isDeeperThan } from './json-depth.ts';
import { schemaRuleFault } from './schema-rules.ts';

/** What profiles may say of commands, and what may be asked of a device. */

/** A level of a topic. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Why these cannot be the commands of a profile, in one line; undefined when they can. */
export function commandsFault(commands: Readonly<Record<string, CommandSchema>> = {}): string | undefined {
  for (const [name, command] of Object.entries(commands)) {
    const fault = commandFault(command);
    if (fault !== undefined) return `command ${quoted(name)}: ${fault}`;
  }
  return undefined;
}

function commandFault(command: CommandSchema): string | undefined {
  const { arguments: args, reply, delivery, retries = 0 } = command;
  if (JSON.stringify([args, reply]).length > COMMAND_SCHEMA_MAX_BYTES)
    return `its schemas are larger than ${COMMAND_SCHEMA_MAX_BYTES} bytes`;
  if (args !== undefined && args['type'] !== undefined && args['type'] !== 'object')
    return 'arguments are an object: {"type":"object","properties":{…}}';
  if (delivery === 'at-most-once' && retries > 0) return 'at-most-once is never sent again: no retries';
  return (
    termsFault(resolveTerms(command, {})) ??
    (args && schemaRuleFault(args, 'arguments')) ??
    (reply && schemaRuleFault(reply, 'reply'))
  );
}

function termsFault({ timeoutMs, expiryMs }: Terms): string | undefined {
  if (timeoutMs > COMMAND_TIMEOUT_MAX_MS)
    return `timeout is longer than ${COMMAND_TIMEOUT_MAX_MS / 3_600_000}h`;
  return expiryMs > COMMAND_EXPIRY_MAX_MS
    ? `expiry is longer than ${COMMAND_EXPIRY_MAX_MS / 86_400_000}d`
    : undefined;
}

interface Judged {
  readonly terms: Terms;
  /** Arguments as JSON. */
  readonly payload: string;
}

/** What is asked of a device, judged by its profile: `command.unknown`, `command.arguments`, `request.invalid`. */
export async function judgeRequest(
  request: CommandRequest,
  profile: Profile | undefined,
): Promise<Result<Judged, SensoriumError>> {
  const { name, arguments: args, terms } = request;
  const declared = declaredCommand(profile, name);
  if (!NAME.test(name) || declared === undefined) {
    const where = profile === undefined ? '' : ` of profile "${profile.id}"`;
    return err(problem('command.unknown', `${quoted(name)} is no command${where}`));
  }
  const badTerms = await schemaFault(CommandTerms, terms);
  if (badTerms !== undefined) return err(problem('request.invalid', badTerms));
  const resolved = resolveTerms(terms, declared);
  const tooLong = termsFault(resolved);
  if (tooLong !== undefined) return err(problem('request.invalid', tooLong));
  const payload = JSON.stringify(args);
  const fault =
    Buffer.byteLength(payload) > COMMAND_ARGUMENTS_MAX_BYTES
      ? `larger than ${COMMAND_ARGUMENTS_MAX_BYTES} bytes`
      : isDeeperThan(args, JSON_DEPTH_MAX)
        ? 'nested too deeply'
        : declared.arguments && (await schemaFault(declared.arguments, args));
  if (fault !== undefined) return err(problem('command.arguments', fault));
  return ok({ terms: resolved, payload });
}

/** Undefined: the profile lists its commands, and this is none of them. */
export function declaredCommand(profile: Profile | undefined, name: string): CommandSchema | undefined {
  if (profile?.commands === undefined) return {};
  return Object.hasOwn(profile.commands, name) ? profile.commands[name] : undefined;
}
