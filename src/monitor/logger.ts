/**
 * Logging behind our own port: the one place that knows pino. One JSON object per line on standard error (standard
 * output carries the ready line only), written at once, so that the last line before an exit is there too.
 * Promises that no secret is written: by type (`Secret`, bytes) and by the name of the field, at any depth shown.
 */
import {
  type DestinationStream,
  destination as openDestination,
  type Logger as PinoLogger,
  pino,
} from 'pino';
import { LOG_FIELD_DEPTH_MAX } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import { Secret } from '../base/secret.ts';

const SECRET_FIELD =
  /^(authorization|cookie|.*(password|passwd|secret|token|privatekey|private_key|apikey|api_key))$/i;
const REDACTED = '[redacted]';
const STDERR = 2;

export interface LoggerOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  /** Where lines go; standard error when absent. */
  readonly destination?: DestinationStream;
}

export function createLogger({ level, destination }: LoggerOptions): Logger {
  const target = destination ?? openDestination({ fd: STDERR, sync: true });
  return adapt(
    pino(
      {
        level,
        base: null,
        timestamp: () => `,"time":"${new Date().toISOString()}"`,
        formatters: { level: (label) => ({ level: label }), log: redactFields },
      },
      target,
    ),
  );
}

const adapt = (inner: PinoLogger): Logger => ({
  debug: (fields, message) => inner.debug(fields, message),
  info: (fields, message) => inner.info(fields, message),
  warn: (fields, message) => inner.warn(fields, message),
  error: (fields, message) => inner.error(fields, message),
  child: (fields) => adapt(inner.child(redactFields(fields))),
});

function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, redact(name, value, 1)]));
}

function redact(name: string, value: unknown, depth: number): unknown {
  if (SECRET_FIELD.test(name)) return REDACTED;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Secret) return REDACTED;
  if (value instanceof Error) return describeError(value, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value;
  if (depth >= LOG_FIELD_DEPTH_MAX) return '[…]';
  if (Array.isArray(value)) return value.map((item) => redact('', item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, redact(key, inner, depth + 1)] as const),
  );
}

function describeError(error: Error, depth: number): Record<string, unknown> {
  const code = 'code' in error ? { code: error.code } : {};
  const cause =
    error.cause === undefined || depth >= LOG_FIELD_DEPTH_MAX
      ? {}
      : { cause: redact('cause', error.cause, depth + 1) };
  return { name: error.name, ...code, message: error.message, stack: error.stack, ...cause };
}
