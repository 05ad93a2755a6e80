import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { HTTP_BODY_MAX_BYTES } from '../../base/limits.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';

const inflate = promisify(gunzip);

/** `gzip` (or its old name, RFC 9110, section 8.4.1.3), or nothing. Anything else is refused. */
export function contentCoding(header: string | undefined): Result<'gzip' | 'identity', SensoriumError> {
  const coding = (header ?? 'identity').trim().toLowerCase();
  if (coding === 'identity' || coding === '') return ok('identity');
  if (coding === 'gzip' || coding === 'x-gzip') return ok('gzip');
  return err(
    problem(
      'payload.unsupported_type',
      `Content-Encoding "${coding.slice(0, 64)}" is not supported; gzip is`,
    ),
  );
}

/** Unpacks a whole body, on the thread pool. A bomb ends at HTTP_BODY_MAX_BYTES, a truncated one is refused. */
export async function unzip(body: Uint8Array): Promise<Result<Uint8Array, SensoriumError>> {
  try {
    return ok(await inflate(body, { maxOutputLength: HTTP_BODY_MAX_BYTES }));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      return err(
        problem('payload.too_large', `The unpacked body is larger than ${HTTP_BODY_MAX_BYTES} bytes`),
      );
    }
    return err(problem('payload.not_gzip', message, { cause }));
  }
}
