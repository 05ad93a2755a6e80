/**
 * Compiles the kernels: node scripts/build-kernels.ts writes src/compute/kernels/kernels.wasm, which is kept in the
 * repository so that a start needs no compiler. The same source gives the same bytes; a test compares them.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import asc from 'assemblyscript/asc';

const ROOM = fileURLToPath(new URL('../src/compute/kernels/', import.meta.url));
export const KERNELS_FILE = `${ROOM}kernels.wasm`;

const OPTIONS = [
  '--optimizeLevel=3',
  '--noAssert',
  '--runtime=stub',
  // The memory is the pool's: at least the page of the tables, at most all that an address can name.
  '--importMemory',
  '--noExportMemory',
  '--sharedMemory',
  '--initialMemory=1',
  '--maximumMemory=65536',
  '--enable=threads',
  '--enable=simd',
];

/** The module's bytes. Throws with the compiler's words where the source is wrong. */
export async function compileKernels(): Promise<Uint8Array> {
  const modules: Uint8Array[] = [];
  const words: string[] = [];
  const { error } = await asc.main(
    ['assembly/index.ts', `--baseDir=${ROOM}`, '--outFile=kernels.wasm', ...OPTIONS],
    {
      writeFile: (_name, contents) => {
        if (typeof contents !== 'string') modules.push(contents);
      },
      stderr: {
        write: (chunk) => {
          words.push(typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk));
        },
      },
    },
  );
  const [module] = modules;
  if (error !== null || module === undefined) throw new Error(words.join(''), { cause: error });
  return module;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const module = await compileKernels();
  writeFileSync(KERNELS_FILE, module);
  console.log(`${KERNELS_FILE}: ${module.length} bytes`);
}
