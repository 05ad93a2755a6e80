/** Modes, and the order of things: runtime, dependencies, hand over. Knows no more of the platform than its entry files. */
import { join } from 'node:path';
import { runInherited, runSupervised, stopWithNpm } from './child.mjs';
import { hasDependencies, installDependencies } from './dependencies.mjs';
import { ROOT } from './paths.mjs';
import { BootstrapError, Phases } from './report.mjs';
import { findRuntime } from './runtime.mjs';

/** What each mode needs installed and which file it hands over to. */
const MODES = {
  start: { needs: 'production', entry: (args) => ['src/main.ts', 'start', ...args], run: runSupervised },
  cli: { needs: 'production', entry: (args) => ['src/main.ts', ...args], run: runInherited },
  test: { needs: 'all', entry: (args) => ['scripts/test.ts', ...args], run: runInherited },
  bench: { needs: 'all', entry: (args) => ['bench/main.ts', ...args], run: runInherited },
  run: { needs: 'all', entry: (args) => args, run: runInherited },
};

const USAGE = `usage: node bootstrap.mjs start [flags] | cli VERB … | test [vitest arguments] | bench [scenario …] | run SCRIPT …\n`;

/** Runs one mode; answers the exit code. */
export async function main([name, ...args]) {
  // `sensorium start` and `npm start` are one thing.
  const mode = name === 'cli' && args[0] === 'start' ? 'start' : name;
  const rest = mode === name ? args : args.slice(1);
  const plan = Object.hasOwn(MODES, mode ?? '') ? MODES[mode] : undefined;
  if (plan === undefined || (mode === 'run' && rest.length === 0)) {
    process.stderr.write(USAGE);
    return 2;
  }
  const verbose = process.env.SENSORIUM_VERBOSE === '1' || (mode === 'start' && rest.includes('--verbose'));
  const phases = new Phases({ verbose });
  stopWithNpm();
  try {
    const runtime = await findRuntime(phases);
    if (!hasDependencies(plan.needs, runtime)) await installDependencies(plan.needs, runtime, phases);
    const entry = plan.entry(rest);
    entry[0] = mode === 'run' ? entry[0] : join(ROOT, entry[0]);
    phases.summary('bootstrap');
    return await plan.run({ runtime, args: entry, env: childEnvironment(runtime, verbose) });
  } catch (cause) {
    if (!(cause instanceof BootstrapError)) throw cause;
    process.stderr.write(cause.text);
    return cause.exitCode;
  }
}

function childEnvironment(runtime, verbose) {
  return {
    ...runtime.environment,
    // Keeps type-stripped and compiled code between starts: about half of the time to load the sources.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(ROOT, '.cache', 'compile'),
    // Commits of the log, queries and password checks share this pool; four threads could all be taken by the latter.
    UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE ?? '8',
    SENSORIUM_BOOTSTRAP_AT: String(Math.round(performance.timeOrigin)),
    ...(verbose ? { SENSORIUM_VERBOSE: '1' } : {}),
  };
}
