/**
 * Owns the data directory as a whole: that it exists, is ours alone (one process), can be written, and has a
 * format we know. It never deletes or recreates what it cannot read.
 */
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { platform } from 'node:os';
import { join } from 'node:path';
import { problem, type SensoriumError } from '../model/errors.ts';

/** Raised when an older version could not read what this one writes. */
export const DATA_FORMAT = 1;

const FORMAT_FILE = 'format.json';
const RUN_FILE = 'run.json';

export interface RunInfo {
  readonly pid: number;
  readonly version: string;
  readonly startedAt: number;
  readonly http: string | null;
  readonly mqtt: string | null;
  readonly mqtts: string | null;
  /** Local administration token; whoever may read this file administers this installation. */
  readonly token: string;
}

export class DataDirectory {
  readonly path: string;
  #lock: Server | undefined;
  #open = false;

  constructor(path: string) {
    this.path = path;
  }

  /** Throws SensoriumError: data_dir.unwritable, .in_use, .newer, .corrupt, disk.full. */
  async open(): Promise<void> {
    this.#makeWritable();
    this.#lock = await lockDirectory(this.path);
    try {
      this.#checkFormat();
    } catch (cause) {
      this.#unlock();
      throw cause;
    }
    this.#open = true;
  }

  writeRunInfo(info: RunInfo): void {
    const path = join(this.path, RUN_FILE);
    writeFileSync(`${path}.tmp`, `${JSON.stringify(info, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${path}.tmp`, path);
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    rmSync(join(this.path, RUN_FILE), { force: true });
    this.#unlock();
  }

  #unlock(): void {
    this.#lock?.close();
    this.#lock = undefined;
  }

  #makeWritable(): void {
    try {
      mkdirSync(this.path, { recursive: true, mode: 0o700 });
      if (!statSync(this.path).isDirectory()) throw new Error('it is not a directory');
      const probe = join(this.path, `.probe-${process.pid}`);
      writeFileSync(probe, 'x');
      rmSync(probe);
    } catch (cause) {
      throw unusable(this.path, cause);
    }
  }

  #checkFormat(): void {
    const path = join(this.path, FORMAT_FILE);
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw unusable(this.path, cause);
      chmodSync(this.path, 0o700);
      writeFileSync(path, `${JSON.stringify({ format: DATA_FORMAT })}\n`, { mode: 0o600, flush: true });
      return;
    }
    const format = parseFormat(text);
    if (format === undefined) throw problem('data_dir.corrupt', `${path} does not say a format`);
    if (format > DATA_FORMAT) {
      throw problem(
        'data_dir.newer',
        `${this.path} has format ${format}; this version reads up to ${DATA_FORMAT}`,
      );
    }
  }
}

function parseFormat(text: string): number | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('format' in value)) return undefined;
    return Number.isInteger(value.format) ? Number(value.format) : undefined;
  } catch {
    return undefined;
  }
}

function unusable(path: string, cause: unknown): SensoriumError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return problem('disk.full', `${path}: ${message}`, { cause });
  return problem('data_dir.unwritable', `${path}: ${message}`, { cause });
}

/**
 * One process per directory. On Linux an abstract socket named after the directory's inode: the kernel frees it
 * however the process ends, so a kill -9 leaves no stale lock. Elsewhere DuckDB's own file lock has to do.
 */
async function lockDirectory(path: string): Promise<Server | undefined> {
  if (platform() !== 'linux') return undefined;
  const { dev, ino } = statSync(path);
  const server = createServer((socket) => socket.destroy());
  return await new Promise((done, fail) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      fail(
        taken
          ? problem('data_dir.in_use', path, { cause })
          : problem('data_dir.unwritable', `${path}: ${cause.message}`, { cause }),
      );
    });
    server.listen(`\0sensorium-${dev}-${ino}`, () => {
      server.unref();
      done(server);
    });
  });
}
