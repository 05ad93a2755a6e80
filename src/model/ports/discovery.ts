import type { Result } from '../../base/result.ts';
import type { Device } from '../device.ts';
import type { Candidate, CandidateState, ScannerCondition } from '../discovery.ts';
import type { SensoriumError } from '../errors.ts';

export interface CandidateQuery {
  /** Default: 'new'. */
  readonly state?: CandidateState | 'all' | undefined;
  /** Part of a name, identifier, maker or model. */
  readonly text?: string | undefined;
  /** Seen by this scanner. */
  readonly scanner?: string | undefined;
  /** Ids greater than this one: the cursor of the page before. */
  readonly after?: string | undefined;
  readonly limit?: number | undefined;
}

export interface CandidatePage {
  readonly candidates: readonly Candidate[];
  /** All that fit, on all pages. */
  readonly total: number;
  readonly next?: string | undefined;
}

export interface ScannerReport {
  readonly name: string;
  readonly condition: ScannerCondition;
  readonly paceMs: number;
  /** Sightings since the start of the server. */
  readonly sightings: number;
  /** Dropped for want of room or rate. */
  readonly dropped: number;
}

/** How a candidate becomes a device; what is absent is taken from the candidate and its suggestion. */
export interface Admission {
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  readonly profile?: string | undefined;
  readonly parent?: string | undefined;
  readonly gateway?: boolean | undefined;
}

export interface Admitted {
  readonly candidate: Candidate;
  readonly device: Device;
}

/** The inbox of what was found. Decisions are on disk before their promise resolves. */
export interface Discovery {
  list(query: CandidateQuery): CandidatePage;
  get(id: string): Candidate | undefined;
  scanners(): readonly ScannerReport[];
  /** All scanners look as soon as they can (at the next tick). */
  rescan(): void;
  /** 'candidate.unknown', 'candidate.blocked', 'candidate.admitted', and what the registry refuses. */
  admit(id: string, admission: Admission, by: string): Promise<Result<Admitted, SensoriumError>>;
  /** Hidden until somebody admits or forgets it. 'candidate.unknown', 'candidate.admitted'. */
  ignore(id: string, by: string): Promise<Result<Candidate, SensoriumError>>;
  /** As ignored, and never admitted while it is blocked. */
  block(id: string, by: string): Promise<Result<Candidate, SensoriumError>>;
  /** Drops it and its decision; it comes back as new with its next sighting. */
  forget(id: string, by: string): Promise<Result<Candidate, SensoriumError>>;
}
