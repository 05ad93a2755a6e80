import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type ErrorCode, problem, type SensoriumError } from '../../model/errors.ts';
import { PROBLEM_TYPE, problemDocument } from './problem.ts';

/** What the HTTP parser of Node calls its errors, in our words. */
const PARSER_CODES: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'request.headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'payload.too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request.timeout',
};

/** Answers what never became a request: bytes that are no HTTP, headers too large, or too slow. Ends the connection. */
export function onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || answerBegun(socket)) {
    socket.destroy();
    return;
  }
  const code = PARSER_CODES[error.code ?? ''] ?? 'request.invalid';
  const detail = code === 'request.invalid' ? 'What was sent is not HTTP/1.1.' : error.message;
  answerOnSocket(socket, problem(code, detail));
}

/** A problem document for a peer that has no response object: written as bytes, and the last that is written. */
export function answerOnSocket(socket: Socket, refusal: SensoriumError): void {
  const body = JSON.stringify(problemDocument(refusal));
  const head = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? 'Error'}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'X-Content-Type-Options: nosniff',
    'Connection: close',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  socket.destroySoon();
}

/** A second answer inside the bytes of a first one would be read as its body (Node guards its own so, too). */
function answerBegun(socket: Socket): boolean {
  const { _httpMessage: message } = socket as { _httpMessage?: { readonly headersSent: boolean } | null };
  return message?.headersSent === true;
}
