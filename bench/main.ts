/**
 * `npm run bench [-- scenario …] [--quick] [--list]`: runs scenarios one after the other, prints what was asked and
 * what was measured, and leaves one JSON file each in bench/results/. A goal that is missed makes the exit code 1.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from './harness/machine.ts';
import { type ScenarioReport, table, writeResult } from './harness/report.ts';
import { type BenchContext, isMet, type Scenario, UnavailableError } from './harness/scenario.ts';

const SCENARIOS = join(import.meta.dirname, 'scenarios');
const RESULTS = join(import.meta.dirname, 'results');
const ROUNDS = 3;

async function loadScenarios(): Promise<readonly Scenario[]> {
  const files = readdirSync(SCENARIOS).filter((name) => /^[a-z0-9-]+\.ts$/.test(name));
  const modules = await Promise.all(
    files.toSorted().map(async (name) => (await import(join(SCENARIOS, name))) as { scenario: Scenario }),
  );
  return modules.map(({ scenario }) => scenario);
}

async function runScenario(scenario: Scenario, quick: boolean): Promise<ScenarioReport> {
  const home = mkdtempSync(join(tmpdir(), `sensorium-bench-${scenario.name}-`));
  const context: BenchContext = {
    quick,
    rounds: quick ? 1 : ROUNDS,
    scaled: (count) => (quick ? Math.ceil(count / 10) : count),
    folder: (name) => mkdtempSync(join(home, `${name}-`)),
    say: (text) => console.error(`  ${text}`),
  };
  const begun = performance.now();
  const { name, description } = scenario;
  const report = (rest: Partial<ScenarioReport>): ScenarioReport => ({
    scenario: name,
    description,
    quick,
    tookS: Math.round((performance.now() - begun) / 100) / 10,
    measurements: [],
    ...rest,
  });
  try {
    return report({ measurements: await scenario.run(context) });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    return report(cause instanceof UnavailableError ? { unavailable: message } : { failure: message });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
  });
  const scenarios = await loadScenarios();
  if (values.list) {
    for (const { name, description } of scenarios) console.log(`${name.padEnd(24)} ${description}`);
    return 0;
  }
  const unknown = positionals.filter((wanted) => !scenarios.some(({ name }) => name === wanted));
  if (unknown.length > 0) {
    console.error(
      `no scenario ${unknown.join(', ')}; there are: ${scenarios.map(({ name }) => name).join(', ')}`,
    );
    return 2;
  }
  const chosen =
    positionals.length === 0 ? scenarios : scenarios.filter(({ name }) => positionals.includes(name));
  const machine = describeMachine(join(import.meta.dirname, '..'));
  const at = new Date();
  const reports: ScenarioReport[] = [];
  for (const scenario of chosen) {
    console.error(`── ${scenario.name}: ${scenario.description}`);
    const report = await runScenario(scenario, values.quick);
    reports.push(report);
    if (report.failure !== undefined) console.error(report.failure);
    writeResult(RESULTS, at, machine, report);
  }
  const { cpu, cores, memoryGiB, system, node, commit } = machine;
  console.log(`\n${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}, commit ${commit}`);
  console.log(`${values.quick ? 'QUICK RUN, not for quoting\n' : ''}\n${table(reports)}`);
  const short = reports.some(
    ({ failure, measurements }) => failure !== undefined || measurements.some((row) => isMet(row) === false),
  );
  return short ? 1 : 0;
}

process.exitCode = await main();
