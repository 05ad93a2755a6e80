import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { compileKernels, KERNELS_FILE } from './build-kernels.ts';

const checksum = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

it('the module in the repository is what its source compiles to (else: node scripts/build-kernels.ts)', async () => {
  expect(checksum(readFileSync(KERNELS_FILE))).toBe(checksum(await compileKernels()));
});
