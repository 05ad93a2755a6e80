import { findings } from '../doctor/checkup.ts';
import type { Finding } from '../doctor/finding.ts';
import { EXIT_FAILURE, EXIT_OK } from '../io.ts';
import type { Session } from '../session.ts';

const MARKS: Readonly<Record<Finding['status'], string>> = { ok: 'ok  ', warn: 'warn', fail: 'FAIL' };

/** Looks at everything that commonly goes wrong and says what to do; works without a running server, too. */
export async function doctor(session: Session): Promise<number> {
  const found: Finding[] = [];
  for await (const finding of findings(session)) {
    found.push(finding);
    session.say(`${MARKS[finding.status]}  ${finding.check.padEnd(14)}  ${finding.detail}`);
    if (finding.cure !== undefined) session.say(`      ${' '.repeat(14)}  → ${finding.cure}`);
  }
  const healthy = found.every((finding) => finding.status !== 'fail');
  if (session.json) session.answer({ healthy, checks: found });
  return healthy ? EXIT_OK : EXIT_FAILURE;
}
