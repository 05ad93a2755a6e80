/**
 * A case and its judgement in one piece of shared memory, on the thread that judges. The case: u32 bytes of the head ·
 * the head as JSON · the body; the judgement as JSON takes its place.
 */

import { err, ok } from '../../base/result.ts';
import type { Job } from '../../compute/scheduler/task.ts';
import type { ErrorCode } from '../../model/errors.ts';
import { problem } from '../../model/errors.ts';
import type { IngestReceipt } from '../../model/ports/history.ts';
import type { Profile } from '../../model/profile.ts';
import { type Case, Judge, type Judgement } from './judge.ts';

const HEAD_AT = 4;
/** Profiles as texts, so that one that is sent again is not compiled again. */
const PROFILES_REMEMBERED_MAX = 64;

interface Head extends Omit<Case, 'body' | 'profile'> {
  readonly profile: string | undefined;
}

type Said = { readonly receipt: IngestReceipt } | { readonly code: ErrorCode; readonly message: string };

export function headOf({ facts, profile, format, receivedAt }: Case): Buffer {
  const head: Head = { facts, format, receivedAt, profile: profile && JSON.stringify(profile) };
  return Buffer.from(JSON.stringify(head));
}

export const caseBytes = (head: Buffer, body: Uint8Array): number => HEAD_AT + head.length + body.length;

export function writeCase(target: Buffer, head: Buffer, body: Uint8Array): void {
  target.writeUInt32LE(head.length, 0);
  target.set(head, HEAD_AT);
  target.set(body, HEAD_AT + head.length);
}

export function readJudgement(bytes: Buffer): Judgement {
  const said = JSON.parse(bytes.toString()) as Said;
  return 'receipt' in said ? ok(said.receipt) : err(problem(said.code, said.message));
}

const judge = new Judge();
const profiles = new Map<string, Profile>();

/** Argument: bytes of the case. Result: bytes of the judgement, or -1 where there is no room for it. */
export const judgingJob: Job = (task) => {
  const { slab, offset, length } = task;
  // Parsers are given memory that nobody else can write to.
  const bytes = Buffer.from(slab.slice(offset, offset + task.argument(0)));
  const bodyAt = HEAD_AT + bytes.readUInt32LE(0);
  const { profile, ...head } = JSON.parse(bytes.toString('utf8', HEAD_AT, bodyAt)) as Head;
  const judgement = judge.judge({ ...head, profile: profileOf(profile), body: bytes.subarray(bodyAt) });
  const said: Said = judgement.ok
    ? { receipt: judgement.value }
    : { code: judgement.error.code, message: judgement.error.message };
  const answer = Buffer.from(JSON.stringify(said));
  const fits = answer.length <= length;
  if (fits) slab.set(answer, offset);
  task.result(0, fits ? answer.length : -1);
};

function profileOf(text: string | undefined): Profile | undefined {
  if (text === undefined) return undefined;
  const known = profiles.get(text);
  if (known !== undefined) return known;
  if (profiles.size >= PROFILES_REMEMBERED_MAX) profiles.clear();
  const made = JSON.parse(text) as Profile;
  profiles.set(text, made);
  return made;
}
