import { COMMAND_MESSAGE_MAX_CHARS, COMMAND_REPLY_MAX_BYTES, JSON_DEPTH_MAX } from '../../base/limits.ts';
import { plainText } from '../registry/text-rules.ts';
import { isDeeperThan } from './json-depth.ts';

/** What a device says of a command. */
export type Reply =
  | { readonly kind: 'running'; readonly percent?: number | undefined; readonly message?: string | undefined }
  | { readonly kind: 'done'; readonly result: unknown }
  | {
      readonly kind: 'failed';
      readonly code?: string | undefined;
      readonly message: string;
      readonly result?: unknown;
    };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * `{"status":"running","percent":40,"message":"…"}` is progress, `{"status":"failed","message":"…","code":"…"}` a failure,
 * `{"status":"done","result":…}` the end; whatever else comes, nothing too, is the result itself. Never throws.
 */
export function readReply(payload: Uint8Array): Reply {
  if (payload.length > COMMAND_REPLY_MAX_BYTES)
    return { kind: 'failed', code: 'command.reply', message: `the reply has ${payload.length} bytes` };
  if (payload.length === 0) return { kind: 'done', result: null };
  let text: string;
  try {
    text = utf8.decode(payload);
  } catch {
    return { kind: 'failed', code: 'command.reply', message: 'the reply is not UTF-8' };
  }
  const value = parsed(text);
  return isDeeperThan(value, JSON_DEPTH_MAX)
    ? { kind: 'failed', code: 'command.reply', message: 'the reply is nested too deeply' }
    : replyOf(value);
}

function replyOf(value: unknown): Reply {
  if (!isRecord(value)) return { kind: 'done', result: value };
  const { status, result } = value;
  if (status === 'running')
    return { kind: 'running', percent: percentOf(value['percent']), message: textOf(value['message']) };
  if (status === 'failed')
    return {
      kind: 'failed',
      code: textOf(value['code']),
      message: textOf(value['message']) ?? 'failed',
      result,
    };
  return { kind: 'done', result: status === 'done' ? (result ?? null) : value };
}

/** What is no JSON is text: a simple device says OK. */
function parsed(text: string): unknown {
  try {
    return text.includes('"__proto__"') ? JSON.parse(text, withoutPrototype) : JSON.parse(text);
  } catch {
    return text;
  }
}

const withoutPrototype = (key: string, value: unknown): unknown => (key === '__proto__' ? undefined : value);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const percentOf = (value: unknown): number | undefined =>
  typeof value === 'number' && value >= 0 && value <= 100 ? value : undefined;

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? plainText(value, COMMAND_MESSAGE_MAX_CHARS) : undefined;
