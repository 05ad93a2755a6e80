import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS } from '../../model/errors.ts';
import { readConfigFile } from '../endpoint.ts';
import { failureOf } from '../failure.ts';
import type { ServerClient } from '../server.ts';
import type { Session } from '../session.ts';
import { SYSTEM_FIELDS, SYSTEM_PATH, type SystemReport } from '../system-report.ts';
import type { Finding, Patient } from './finding.ts';
import { clockCheck, descriptorCheck, memoryCheck, nodeCheck } from './host.ts';
import { portChecks } from './ports.ts';
import { historyChecks, managerCheck } from './running.ts';
import { dataDirCheck, diskCheck, formatCheck } from './storage.ts';

/** Findings as they are made, local ones first. A check that breaks is a finding, too. */
export async function* findings(session: Session): AsyncGenerator<Finding> {
  yield nodeCheck(process.versions.node);
  yield memoryCheck();
  const dataDir = await session.dataDir();
  yield* await guarded('data directory', () => dataDirCheck(dataDir));
  yield* await guarded('data format', () => formatCheck(dataDir));
  yield* await guarded('disk', () => diskCheck(dataDir));
  const run = session.remote ? undefined : await session.runFile().catch(() => undefined);
  yield descriptorCheck(run?.pid);
  if (!session.remote) {
    const config = await readConfigFile(session.io);
    const patient: Patient = { dataDir, config, env: session.io.env, run };
    yield* await guarded('ports', () => portChecks(patient));
  }
  if (!session.remote && !existsSync(join(dataDir, 'run.json'))) {
    const detail = 'none runs on this data directory';
    yield { check: 'server', status: 'warn', detail, cure: ERRORS['server.unreachable'].cure };
    return;
  }
  yield* serverFindings(session);
}

async function* serverFindings(session: Session): AsyncGenerator<Finding> {
  let server: ServerClient;
  let report: SystemReport;
  let date: string | null;
  try {
    server = await session.server();
    const response = await server.request('GET', SYSTEM_PATH);
    date = response.headers.get('date');
    report = await server.read<SystemReport>(response, SYSTEM_FIELDS);
  } catch (cause) {
    const failure = failureOf(cause);
    yield {
      check: 'server',
      status: 'fail',
      detail: `[${failure.code}] ${failure.detail}`,
      cure: failure.cure,
    };
    return;
  }
  const since = new Date(report.startedAt).toISOString();
  yield {
    check: 'server',
    status: 'ok',
    detail: `${server.url}, version ${report.version}, up since ${since}`,
  };
  yield* managerCheck(report);
  yield clockCheck(date, Date.now());
  yield* historyChecks(report);
}

async function guarded(
  check: string,
  look: () => Promise<Finding | readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return [await look()].flat();
  } catch (cause) {
    const failure = failureOf(cause);
    return [{ check, status: 'fail', detail: failure.detail, cure: failure.cure }];
  }
}
