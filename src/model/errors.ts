/** Errors with a stable code of the error table; see error-table.ts for what each means. */
import { ERRORS, type ErrorCode } from './error-table.ts';

export { ERRORS, type ErrorCode } from './error-table.ts';

/** An error with a stable code. Returned for bad input, thrown for a broken world; never used for our own bugs. */
export class SensoriumError extends Error {
  override readonly name = 'SensoriumError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.code = code;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get title(): string {
    return ERRORS[this.code].title;
  }

  get cure(): string {
    return ERRORS[this.code].cure;
  }
}

export const problem = (code: ErrorCode, detail: string, options?: ErrorOptions): SensoriumError =>
  new SensoriumError(code, detail, options);

/** Any thrown thing as one of ours. */
export function asSensoriumError(cause: unknown): SensoriumError {
  if (cause instanceof SensoriumError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new SensoriumError('internal', message, { cause });
}
