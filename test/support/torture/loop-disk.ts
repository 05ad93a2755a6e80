import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** Why there can be no power cut here; undefined where there can. */
export const noPowerCut =
  process.platform === 'linux' && process.getuid?.() === 0
    ? undefined
    : 'needs root on Linux to mount a file system and cut it off';

/** An ext4 file system in a file, which can lose everything that was not flushed. */
export class LoopDisk implements Disposable {
  readonly path: string;
  readonly #image: string;
  #mounted = false;

  constructor(directory: string) {
    this.path = join(directory, 'mnt');
    this.#image = join(directory, 'disk.img');
    mkdirSync(this.path);
    execFileSync('truncate', ['-s', '2G', this.#image]);
    execFileSync('mkfs.ext4', ['-q', '-F', this.#image]);
  }

  mount(): void {
    execFileSync('mount', ['-o', 'loop', this.#image, this.path]);
    this.#mounted = true;
  }

  /** EXT4_IOC_SHUTDOWN with NOLOGFLUSH: the file system goes down without writing what it still holds. */
  cutPower(): void {
    const program =
      'import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1],os.O_RDONLY),0x8004587d,struct.pack("I",2))';
    execFileSync('python3', ['-c', program, this.path]);
  }

  unmount(): void {
    if (this.#mounted) execFileSync('umount', [this.path]);
    this.#mounted = false;
  }

  [Symbol.dispose](): void {
    this.unmount();
  }
}
