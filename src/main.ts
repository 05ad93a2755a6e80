/**
 * The one entry point: `start` (or nothing) runs the platform in the foreground, every other verb is the command
 * line's. Composes the system with its doors; the only place that ends the process.
 */
import { systemClock } from './base/clock.ts';
import { settleHeapSoon } from './base/heap.ts';
import { STOP_DEADLINE_MS } from './base/limits.ts';
import { systemRandom } from './base/random.ts';
import { asSensoriumError, type SensoriumError } from './model/errors.ts';
import { Phases } from './system/phases.ts';
import { readVersion } from './system/version.ts';

/** sysexits.h: EX_CONFIG for what the user can correct, EX_SOFTWARE for the rest. */
const EXIT_FAILED = 1;

const write = (text: string): boolean => process.stderr.write(text);

function explain(cause: SensoriumError): void {
  write(`\nerror ${cause.code}: ${cause.title}\n  ${cause.message}\n  ${cause.cure}\n`);
}

async function run(argv: readonly string[]): Promise<void> {
  const phases = new Phases();
  phases.mark('runtime');
  const verbose = argv.includes('--verbose') || process.env['SENSORIUM_VERBOSE'] === '1';
  const [{ readConfiguration }, { IoTSystem }, { PromMeter }, { createLogger }, { apiDoor }] =
    await Promise.all([
      import('./system/configuration.ts'),
      import('./system/iot-system.ts'),
      import('./monitor/prom-meter.ts'),
      import('./monitor/logger.ts'),
      import('./api/api-door.ts'),
    ]);
  phases.mark('modules');
  const flags = argv.filter((flag) => flag !== '--verbose');
  const configuration = await readConfiguration({ argv: flags, env: process.env, cwd: process.cwd() });
  if (!configuration.ok) throw configuration.error;
  const logger = createLogger({ level: configuration.value.logLevel });
  phases.mark('configuration');
  let ending = false;
  const end = (cause?: SensoriumError): void => {
    if (ending) return;
    ending = true;
    if (cause !== undefined) explain(cause);
    // A manager that hangs in stop must not keep the process: what is acknowledged is on disk already.
    setTimeout(() => process.exit(EXIT_FAILED), STOP_DEADLINE_MS).unref();
    void system.stop().finally(() => process.exit(cause === undefined ? 0 : EXIT_FAILED));
  };
  const system = new IoTSystem({
    configuration: configuration.value,
    version: readVersion(),
    doors: (facade) => [apiDoor(facade)],
    meter: new PromMeter(),
    logger,
    clock: systemClock,
    random: systemRandom,
    phases,
    onFatal: end,
  });
  onSignals(() => end());
  const ready = await system.start();
  if (ending) return;
  if (ready.adminPassword !== undefined) {
    write(
      `\nFirst start: the administrator is "admin", the password (shown only now): ${ready.adminPassword}\n\n`,
    );
  }
  if (verbose) write(`start-up phases\n${phases.report()}\n`);
  const { http, mqtt, mqtts, ws, wss } = ready;
  const { dataDir } = configuration.value;
  const webSockets = `${ws === null ? '' : ` ws=${ws}`}${wss === null ? '' : ` wss=${wss}`}`;
  process.stdout.write(
    `ready http=${http ?? 'off'} mqtt=${mqtt ?? 'off'} mqtts=${mqtts ?? 'off'}${webSockets} data=${shorten(dataDir)}\n`,
  );
  settleHeapSoon();
  const { flushCompileCache } = await import('node:module');
  flushCompileCache();
}

/** The first signal drains, a second one ends at once. The parent's end (bootstrap) is a signal too. */
function onSignals(stop: () => void): void {
  let asked = false;
  const ask = (): void => {
    if (asked) process.exit(EXIT_FAILED);
    asked = true;
    stop();
  };
  process.on('SIGTERM', ask);
  process.on('SIGINT', ask);
  if (process.env['SENSORIUM_PARENT'] === 'ipc') process.once('disconnect', stop);
}

/** Relative to where the user stands, when below it. */
function shorten(path: string): string {
  const below = `${process.cwd()}/`;
  return path.startsWith(below) ? path.slice(below.length) : path;
}

async function main(): Promise<void> {
  const [verb, ...rest] = process.argv.slice(2);
  if (verb === '--version') {
    process.stdout.write(`${readVersion()}\n`);
    return;
  }
  if (verb === undefined || verb === 'start' || (verb.startsWith('--') && verb !== '--help')) {
    await run(verb === 'start' ? rest : process.argv.slice(2));
    return;
  }
  const { runCli } = await import('./cli/cli.ts');
  const { stdout, stderr, env } = process;
  process.exitCode = await runCli(process.argv.slice(2), { stdout, stderr, env, cwd: process.cwd() });
}

try {
  await main();
} catch (cause) {
  const error = asSensoriumError(cause);
  explain(error);
  if (error.code === 'internal' && cause instanceof Error) write(`${cause.stack ?? ''}\n`);
  process.exit(EXIT_FAILED);
}
