/**
 * `npm test [-- vitest arguments]`: the machine's packages, the checks, the tests; stops at the first step that fails.
 * The last line is always `N passed, N failed` and counts tests; a failing check counts as one failed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checks, printSummary, runSteps, type Step } from './steps.ts';
import { readTotals } from './vitest-totals.ts';

const folder = mkdtempSync(join(tmpdir(), 'sensorium-test-'));
const report = join(folder, 'vitest.json');

const steps: readonly Step[] = [
  { name: 'system packages', command: ['scripts/system-packages.ts', 'test'] },
  ...checks,
  {
    name: 'tests',
    command: [
      'node_modules/vitest/vitest.mjs',
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...process.argv.slice(2),
    ],
  },
];

try {
  const results = await runSteps(steps);
  printSummary(results);
  const ended = results.every(({ passed }) => passed);
  const { passed, failed } = readTotals(report);
  // Something failed that is not a test: a check, a file that cannot be loaded, vitest itself.
  const failures = ended ? failed : Math.max(failed, 1);
  console.log(`${passed} passed, ${failures} failed`);
  process.exitCode = failures === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
