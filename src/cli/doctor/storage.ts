import { constants } from 'node:fs';
import { access, readFile, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DISK_RESERVE_BYTES, LOG_DEFAULT_MAX_BYTES } from '../../base/limits.ts';
import { ERRORS } from '../../model/errors.ts';
import { isRecord, parseJson } from '../foreign.ts';
import { formatBytes } from '../values.ts';
import type { Finding } from './finding.ts';

const OTHERS_MAY = 0o077;

/** There, ours, and closed to others: it holds keys. */
export async function dataDirCheck(path: string): Promise<Finding> {
  const check = 'data directory';
  const stats = await stat(path).catch((cause: NodeJS.ErrnoException) => cause);
  if (stats instanceof Error) {
    if (stats.code !== 'ENOENT') {
      return { check, status: 'fail', detail: stats.message, cure: ERRORS['data_dir.unwritable'].cure };
    }
    return {
      check,
      status: 'warn',
      detail: `${path} does not exist yet`,
      cure: 'The first npm start makes it.',
    };
  }
  if (!stats.isDirectory()) {
    return {
      check,
      status: 'fail',
      detail: `${path} is no directory`,
      cure: ERRORS['data_dir.unwritable'].cure,
    };
  }
  try {
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch {
    const detail = `${path} is not writable for this user`;
    return { check, status: 'fail', detail, cure: ERRORS['data_dir.unwritable'].cure };
  }
  if ((stats.mode & OTHERS_MAY) !== 0) {
    return { check, status: 'warn', detail: `${path} is open to others`, cure: `chmod 700 ${path}` };
  }
  return { check, status: 'ok', detail: path };
}

export async function formatCheck(path: string): Promise<Finding | readonly Finding[]> {
  const check = 'data format';
  const { DATA_FORMAT } = await import('../../system/data-directory.ts');
  const text = await readFile(join(path, 'format.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return [];
  const format = formatOf(text);
  if (format === undefined) {
    const detail = 'format.json does not say a format';
    return { check, status: 'fail', detail, cure: ERRORS['data_dir.corrupt'].cure };
  }
  const detail = `format ${format}; this version reads up to ${DATA_FORMAT}`;
  if (format <= DATA_FORMAT) return { check, status: 'ok', detail };
  return { check, status: 'fail', detail, cure: ERRORS['data_dir.newer'].cure };
}

function formatOf(text: string): number | undefined {
  const value = parseJson(text);
  return isRecord(value) && typeof value['format'] === 'number' ? value['format'] : undefined;
}

export async function diskCheck(path: string): Promise<Finding> {
  const check = 'disk';
  const { bavail, bsize } = await statfs(await nearestExisting(path));
  const free = bavail * bsize;
  const detail = `${formatBytes(free)} free`;
  if (free < DISK_RESERVE_BYTES) return { check, status: 'fail', detail, cure: ERRORS['disk.full'].cure };
  if (free >= LOG_DEFAULT_MAX_BYTES) return { check, status: 'ok', detail };
  const cure = `The log may grow to ${formatBytes(LOG_DEFAULT_MAX_BYTES)}: free some space, or lower log.maxBytes.`;
  return { check, status: 'warn', detail, cure };
}

async function nearestExisting(path: string): Promise<string> {
  const there = await stat(path).then(
    () => true,
    () => false,
  );
  return there || dirname(path) === path ? path : nearestExisting(dirname(path));
}
