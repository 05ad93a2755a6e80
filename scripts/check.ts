/** `npm run check`: everything `npm test` looks at before it runs the code. */
import { checks, printSummary, runSteps } from './steps.ts';

const results = await runSteps(checks);
printSummary(results);
process.exitCode = results.every(({ passed }) => passed) ? 0 : 1;
