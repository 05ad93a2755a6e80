/** Watches the free space of the file system, once a second and never per append. */
import { statfs } from 'node:fs/promises';
import { DISK_SHED_RESERVES, LOG_DISK_CHECK_INTERVAL_MS } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';

interface DiskReserveOptions {
  readonly path: string;
  readonly bytes: number;
  readonly logger: Logger;
}

export class DiskReserve {
  readonly #options: DiskReserveOptions;
  #short = false;
  #tight = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DiskReserveOptions) {
    this.#options = options;
  }

  /** Less is free than the reserve. */
  get short(): boolean {
    return this.#short;
  }

  /** Less is free than a few times the reserve: time to leave out what nobody is promised. */
  get tight(): boolean {
    return this.#tight;
  }

  async start(): Promise<void> {
    await this.#check();
    this.#timer = setInterval(() => void this.#check(), LOG_DISK_CHECK_INTERVAL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #check(): Promise<void> {
    const { path, bytes, logger } = this.#options;
    try {
      const { bavail, bsize } = await statfs(path);
      const freeBytes = bavail * bsize;
      const short = freeBytes < bytes;
      this.#tight = freeBytes < DISK_SHED_RESERVES * bytes;
      if (short === this.#short) return;
      this.#short = short;
      if (short) logger.warn({ freeBytes, reserveBytes: bytes }, 'disk is nearly full; appends are refused');
      else logger.info({ freeBytes }, 'disk has space again');
    } catch (cause) {
      // A file system that cannot say how full it is will say so when written to.
      logger.debug({ cause: String(cause) }, 'free disk space is unknown');
    }
  }
}
