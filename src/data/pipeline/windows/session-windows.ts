import type { WindowDefinition } from '../../../model/windows.ts';
import { Accumulator } from './accumulator.ts';
import {
  CAUSE_IDLE,
  CAUSE_WATERMARK,
  isDue,
  type OpenWindow,
  type Tell,
  type ToldWindow,
  told,
  type WindowCause,
  type WindowSet,
} from './window-set.ts';

/** A window whose ends move as readings come. */
interface Session extends OpenWindow {
  start: number;
  end: number;
}

/**
 * Sessions: readings less than `gap` apart, from the first one to `gap` after the last one. A session never crosses a
 * multiple of `size` (from the epoch): so none grows for ever, and where one is cut does not depend on where counting
 * began.
 */
export class SessionWindows implements WindowSet {
  floor = Number.NEGATIVE_INFINITY;
  isRetired = false;
  readonly #definition: WindowDefinition;
  /** In order of time; they do not overlap. */
  #sessions: Session[] = [];
  /** Told before, and now part of another one. */
  #gone: OpenWindow[] = [];
  #newestTs = Number.NEGATIVE_INFINITY;
  /** The end of the newest session that is over: no other begins before it, so that starts stay names. */
  #overEnd = Number.NEGATIVE_INFINITY;

  constructor(definition: WindowDefinition) {
    this.#definition = definition;
  }

  get size(): number {
    return this.#sessions.length;
  }

  get bytes(): number {
    return this.#sessions.reduce((bytes, { sum }) => bytes + sum.bytes, 0);
  }

  add(ts: number, value: number): boolean {
    if (ts < this.floor) return !this.isRetired;
    const { sizeMs, gapMs, latenessMs, quantiles } = this.#definition;
    const over = this.#watermark - latenessMs;
    const cut = ts - (ts % sizeMs) + sizeMs;
    const end = Math.min(ts + gapMs, cut);
    if (ts > this.#newestTs) this.#newestTs = ts;
    this.#passOver(over);
    if (ts < this.#overEnd) return false;
    const near = this.#sessions.filter(
      (session) =>
        session.end > over && ts < session.end && session.start < end && session.start >= cut - sizeMs,
    );
    const [into, ...others] = near;
    if (into === undefined) {
      if (end <= over) return false;
      const sum = new Accumulator(quantiles.length > 0);
      sum.add(ts, value);
      this.#insert({ start: ts, end, sum, revision: 0, toldCount: 0 });
      return true;
    }
    for (const other of others) this.#join(into, other);
    into.sum.add(ts, value);
    if (ts < into.start) {
      this.#withdraw(into);
      into.start = ts;
    }
    into.end = Math.max(into.end, end);
    return true;
  }

  advance(tell: Tell): void {
    const watermark = this.#watermark;
    const over = watermark - this.#definition.latenessMs;
    for (const gone of this.#gone) tell(gone, CAUSE_WATERMARK, undefined);
    this.#gone = [];
    for (const session of this.#sessions) {
      if (session.end <= watermark && isDue(session)) told(session, CAUSE_WATERMARK, tell);
    }
    if ((this.#sessions[0]?.end ?? Number.POSITIVE_INFINITY) > over) return;
    this.#passOver(over);
    this.#sessions = this.#sessions.filter(({ end }) => end > over);
  }

  expire(quietSince: number, now: number, tell: Tell): number {
    const { delayMs, latenessMs, idleMs } = this.#definition;
    let next = Number.POSITIVE_INFINITY;
    for (const session of this.#sessions) {
      if (!isDue(session)) continue;
      const due = Math.max(quietSince, session.end + delayMs) + idleMs;
      if (due <= now) told(session, CAUSE_IDLE, tell);
      else next = Math.min(next, due);
    }
    const newest = this.#sessions.at(-1);
    if (newest === undefined) return Number.POSITIVE_INFINITY;
    const end = Math.max(quietSince, newest.end + delayMs) + idleMs + latenessMs;
    if (end > now) return Math.min(next, end);
    this.close(CAUSE_IDLE, tell);
    return Number.POSITIVE_INFINITY;
  }

  close(cause: WindowCause, tell: Tell): void {
    for (const gone of this.#gone) tell(gone, cause, undefined);
    this.#gone = [];
    for (const session of this.#sessions) if (isDue(session)) told(session, cause, tell);
    this.floor = Math.max(this.floor, this.#sessions.at(-1)?.end ?? this.floor);
    this.#sessions = [];
    this.isRetired = true;
  }

  horizon(newestTs: number): number {
    const { sizeMs, gapMs, delayMs, latenessMs } = this.#definition;
    const first = newestTs - delayMs - latenessMs - gapMs;
    return Math.max(this.floor, first - (first % sizeMs));
  }

  recall(toldBefore: Iterable<ToldWindow>): void {
    this.#gone = [];
    const rows = new Map([...toldBefore].map((row) => [row.start, row]));
    for (const session of this.#sessions) {
      session.revision = rows.get(session.start)?.revision ?? 0;
      session.toldCount = rows.get(session.start)?.count ?? 0;
    }
  }

  get #watermark(): number {
    return this.#newestTs - this.#definition.delayMs;
  }

  #passOver(over: number): void {
    for (const { end } of this.#sessions) if (end <= over) this.#overEnd = end;
  }

  #insert(session: Session): void {
    let at = this.#sessions.length;
    while (at > 0 && (this.#sessions[at - 1]?.start ?? 0) > session.start) at -= 1;
    this.#sessions.splice(at, 0, session);
  }

  #join(into: Session, other: Session): void {
    into.sum.merge(other.sum);
    into.end = Math.max(into.end, other.end);
    this.#withdraw(other);
    this.#sessions.splice(this.#sessions.indexOf(other), 1);
  }

  /** What was told under this start holds no more. */
  #withdraw(session: Session): void {
    if (session.revision > 0) this.#gone.push({ ...session });
    session.revision = 0;
    session.toldCount = 0;
  }
}
