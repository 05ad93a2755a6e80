import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { problem } from '../model/errors.ts';
import { messageOf } from './foreign.ts';
import type { CliIo } from './io.ts';

/** Writes a response body to a file that appears whole or not at all. Returns its size in bytes. */
export async function saveBody(response: Response, file: string, io: CliIo): Promise<number> {
  const path = resolve(io.cwd, file);
  const partial = `${path}.partial`;
  const sink = createWriteStream(partial);
  try {
    await pipeline(bodyOf(response), sink);
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    throw problem('file.unwritable', `${file}: ${messageOf(cause)}`, {
      cause,
    });
  }
  return sink.bytesWritten;
}

export async function printBody(response: Response, io: CliIo): Promise<void> {
  for await (const chunk of bodyOf(response)) io.stdout.write(chunk);
}

/** Chunks of a body; the types of the web leave them open. */
export async function* bodyOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (reader === undefined) return;
  for (;;) {
    const piece: { readonly done: boolean; readonly value?: unknown } = await reader.read();
    if (piece.done) return;
    if (piece.value instanceof Uint8Array) yield piece.value;
  }
}
