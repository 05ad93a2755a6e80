/** Builds a generator in C, once. */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PROJECT } from '../../test/support/server.ts';
import { UnavailableError } from './scenario.ts';

const run = promisify(execFile);

/** Answers the path of the program; it is built anew when its source is newer. */
export async function compile(name: string, source: string): Promise<string> {
  const folder = join(PROJECT, '.cache');
  const program = join(folder, name);
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return program;
  mkdirSync(folder, { recursive: true });
  try {
    await run('cc', ['-O2', '-o', program, source]);
  } catch (cause) {
    throw new UnavailableError(`no C compiler, or it refused ${source}`, { cause });
  }
  return program;
}
