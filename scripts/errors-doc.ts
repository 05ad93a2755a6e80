/** Prints docs/errors.md from the table of errors: node scripts/errors-doc.ts > docs/errors.md */
import { pathToFileURL } from 'node:url';
import { ERRORS, type ErrorCode } from '../src/model/errors.ts';

const HEAD = `# Errors

Every error has a stable code: scripts may match on it. Over HTTP it is the \`code\` of an RFC 9457 problem document
(\`application/problem+json\`) with the status below; on the command line and in the server log it stands beside the
message; rejected readings and rows of the quarantine carry it too.

This page is generated from \`src/model/errors.ts\` by \`node scripts/errors-doc.ts > docs/errors.md\`; do not edit it.
`;

/** The page as Markdown, one table per group of codes, in the order of the source. */
export function errorsDocument(): string {
  const codes = Object.keys(ERRORS) as ErrorCode[];
  const groups = Map.groupBy(codes, (code) => code.split('.', 1)[0] ?? code);
  return [HEAD, ...[...groups].map(([group, members]) => section(group, members))].join('\n');
}

const section = (group: string, codes: readonly ErrorCode[]): string =>
  [
    `## ${group}`,
    '',
    '| Code | Status | Meaning | What to do |',
    '|---|---|---|---|',
    ...codes.map(row),
    '',
  ].join('\n');

function row(code: ErrorCode): string {
  const { status, title, cure } = ERRORS[code];
  return `| \`${code}\` | ${status} | ${cell(title)} | ${cell(cure)} |`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.stdout.write(errorsDocument());
