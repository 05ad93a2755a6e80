import { asSensoriumError, SensoriumError } from '../model/errors.ts';

/** What a failing verb shows: a stable code, what happened, what to do. */
export interface Failure {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly cure: string;
}

/** A problem document of the server (RFC 9457). Its code may be newer than this command line knows. */
export class ServerProblem extends Error implements Failure {
  override readonly name = 'ServerProblem';
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly cure: string;

  constructor(status: number, failure: Failure) {
    super(failure.detail);
    this.status = status;
    this.code = failure.code;
    this.title = failure.title;
    this.detail = failure.detail;
    this.cure = failure.cure;
  }
}

export function failureOf(cause: unknown): Failure {
  if (cause instanceof ServerProblem) return cause;
  const error = cause instanceof SensoriumError ? cause : asSensoriumError(cause);
  return { code: error.code, title: error.title, detail: error.message, cure: error.cure };
}

export function renderFailure(failure: Failure, json: boolean): string {
  const { code, title, detail, cure } = failure;
  if (json) return `${JSON.stringify({ error: { code, title, detail, cure } })}\n`;
  return `error [${code}] ${title}\n  ${detail}\n  → ${cure}\n`;
}
