import { mkdir, open, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

interface Written {
  readonly path: string;
  readonly bytes: number;
}

/** The folder of Parquet partitions on disk. Removes only what it is told to: a file it does not know is not ours. */
export class PartitionFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  absolute(path: string): string {
    return join(this.path, path);
  }

  /** For SQL: a path of our own making below a folder that is not. */
  quoted(path: string): string {
    return `'${this.absolute(path).replaceAll("'", "''")}'`;
  }

  async make(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o700 });
  }

  async makeFolderOf(path: string): Promise<void> {
    await mkdir(dirname(this.absolute(path)), { recursive: true, mode: 0o700 });
  }

  /** On disk with its name when it resolves: the file, and every folder down to it. Resolves to its bytes. */
  async sync(path: string): Promise<number> {
    const file = this.absolute(path);
    await syncPath(file);
    // Windows cannot open folders and needs no such call.
    if (process.platform !== 'win32') {
      for (let folder = dirname(file); folder.startsWith(this.path); folder = dirname(folder)) {
        await syncPath(folder);
      }
    }
    return (await stat(file)).size;
  }

  /** Removes files, and the folders they leave empty. */
  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) await rm(this.absolute(path), { force: true });
    for (const folder of new Set(paths.map((path) => dirname(this.absolute(path))))) {
      // It is not empty, or was never made: either is fine.
      await rmdir(folder).catch(() => undefined);
    }
  }

  /** Those whose file is not there as it was written. */
  async damaged<T extends Written>(partitions: readonly T[]): Promise<readonly T[]> {
    const found: T[] = [];
    for (const partition of partitions) {
      const size = await stat(this.absolute(partition.path)).then(
        (file) => file.size,
        () => -1,
      );
      if (size !== partition.bytes) found.push(partition);
    }
    return found;
  }
}

async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
