import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { problem, SensoriumError } from '../../model/errors.ts';

/**
 * Files that hold secrets: mode 0600, written so that a crash leaves the old one or the new one, read with suspicion.
 * What does not read back as it was written is an error for a person to decide on, never a reason to make a new one.
 */
const KEY_BYTES = 32;
const KEY_FORM = /^sensorium-key-1 ([A-Za-z0-9_-]{43}) ([0-9a-f]{16})\n?$/;

export const newSecretKey = (): Uint8Array => randomBytes(KEY_BYTES);

/** One line: format, key, checksum. The checksum tells a damaged file from a key. */
export const formatSecretKey = (key: Uint8Array): string =>
  `sensorium-key-1 ${Buffer.from(key).toString('base64url')} ${checksum(key)}\n`;

export function readSecretKey(path: string): Uint8Array {
  const [, encoded, sum] = KEY_FORM.exec(readSecret(path)) ?? [];
  const key = Buffer.from(encoded ?? '', 'base64url');
  // Of the last character two bits say nothing: they, too, must be as they were written.
  const isWhole = key.byteLength === KEY_BYTES && key.toString('base64url') === encoded;
  if (!isWhole || checksum(key) !== sum) throw damaged(path, 'it is not the key it was');
  return key;
}

/** Text of a secret file. Rights that were widened are taken back. */
export function readSecret(path: string): string {
  try {
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) chmodSync(path, 0o600);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) throw damaged(path, 'it is missing', cause);
    throw fileProblem(path, cause);
  }
}

/** Replaces the file as one step, on disk when it returns. */
export function writeSecret(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = openSync(temporary, 'wx', 0o600);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncDirectory(dirname(path));
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw fileProblem(path, cause);
  }
}

/** Makes renames in this directory durable. Windows has no such call and needs none. */
export function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

export const damaged = (path: string, why: string, cause?: unknown): SensoriumError =>
  problem('data_dir.corrupt', `key file ${path}: ${why}`, { cause });

export function fileProblem(path: string, cause: unknown): SensoriumError {
  if (cause instanceof SensoriumError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  const code = isErrno(cause, 'ENOSPC') || isErrno(cause, 'EDQUOT') ? 'disk.full' : 'data_dir.unwritable';
  return problem(code, `${path}: ${message}`, { cause });
}

const isErrno = (cause: unknown, code: string): boolean =>
  cause instanceof Error && 'code' in cause && cause.code === code;

const checksum = (key: Uint8Array): string => createHash('sha256').update(key).digest('hex').slice(0, 16);
