import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { problem } from '../model/errors.ts';
import type { RunInfo } from '../system/data-directory.ts';
import { errnoOf, hasFields, isRecord, messageOf, parseJson } from './foreign.ts';
import type { CliIo } from './io.ts';

/**
 * Where the running server is. The server leaves `<data-dir>/run.json` (mode 0600) while it runs: its addresses
 * and the administration token of this run. From another machine: `--url` and SENSORIUM_TOKEN.
 */
export type RunFile = RunInfo;

/** Options that every verb has. */
export interface CommonOptions {
  readonly json?: boolean | undefined;
  readonly url?: string | undefined;
  readonly dataDir?: string | undefined;
}

/** Flags over environment over sensorium.yaml over `data`, resolved against the working directory. */
export async function findDataDir(options: CommonOptions, io: CliIo): Promise<string> {
  const named = options.dataDir ?? io.env['SENSORIUM_DATA_DIR'];
  const config = named === undefined || named === '' ? await readConfigFile(io) : {};
  const configured = config['dataDir'];
  return resolve(io.cwd, named || (typeof configured === 'string' ? configured : 'data'));
}

/** `sensorium.yaml` as it stands; empty when there is none. The server checks it, the command line only reads. */
export async function readConfigFile(io: CliIo): Promise<Readonly<Record<string, unknown>>> {
  let text: string;
  try {
    text = await readFile(resolve(io.cwd, io.env['SENSORIUM_CONFIG'] || 'sensorium.yaml'), 'utf8');
  } catch {
    return {};
  }
  const { parse } = await import('yaml');
  try {
    const value: unknown = parse(text);
    return isRecord(value) ? value : {};
  } catch (cause) {
    throw problem('config.invalid', `sensorium.yaml: ${messageOf(cause)}`, { cause });
  }
}

/** The run file of a live server. Throws `server.unreachable` when there is none or its process is gone. */
export async function readRunFile(dataDir: string): Promise<RunFile> {
  const path = join(dataDir, 'run.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (errnoOf(cause) === 'EACCES')
      throw problem('file.unreadable', `${path} belongs to another user`, { cause });
    throw problem('server.unreachable', `${path} does not exist: no server runs on this data directory`, {
      cause,
    });
  }
  const run = parseRunFile(text);
  if (run === undefined) throw problem('server.unreachable', `${path} is not readable as JSON`);
  if (!isAlive(run.pid)) {
    throw problem('server.unreachable', `${path} was left by process ${run.pid}, which is gone`);
  }
  return run;
}

function parseRunFile(text: string): RunFile | undefined {
  const value = parseJson(text);
  if (
    !hasFields<Pick<RunFile, 'pid' | 'token'> & Partial<RunFile>>(value, ['pid', 'token']) ||
    typeof value.pid !== 'number'
  )
    return undefined;
  const { pid, token, version = '?', startedAt = 0, http = null, mqtt = null, mqtts = null } = value;
  return { pid, token, version, startedAt, http, mqtt, mqtts };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return errnoOf(cause) === 'EPERM';
  }
}
