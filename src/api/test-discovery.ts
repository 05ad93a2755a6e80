/** For tests of the API: an inbox of one candidate, `aabbccddeeff`. */
import { err, ok, type Result } from '../base/result.ts';
import type { Device } from '../model/device.ts';
import type { Candidate } from '../model/discovery.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import type { DeviceId, ProfileId } from '../model/ids.ts';
import type {
  Admission,
  Admitted,
  CandidatePage,
  CandidateQuery,
  Discovery,
  ScannerReport,
} from '../model/ports/discovery.ts';

export const CANDIDATE: Candidate = {
  id: 'aabbccddeeff',
  state: 'new',
  name: 'Lamp',
  names: ['Lamp'],
  identifiers: { mac: ['02:00:00:00:00:01'] },
  services: ['_shelly._tcp'],
  attributes: { 'port._shelly._tcp': 80 },
  evidence: [{ scanner: 'mdns', text: 'announces it', firstSeenAt: 1, lastSeenAt: 2, count: 3 }],
  suggestion: { profile: 'open', preset: 'shelly', reasons: ['offers "_shelly._tcp"'] },
  conflicts: [],
  firstSeenAt: 1,
  lastSeenAt: 2,
};

export class FakeDiscovery implements Discovery {
  readonly asked: unknown[] = [];

  list(query: CandidateQuery): CandidatePage {
    this.asked.push(query);
    return { candidates: [CANDIDATE], total: 1 };
  }

  get(id: string): Candidate | undefined {
    return id === CANDIDATE.id ? CANDIDATE : undefined;
  }

  scanners(): readonly ScannerReport[] {
    const condition = { state: 'unavailable', reason: 'no Bluetooth adapter' } as const;
    return [{ name: 'bluetooth', condition, paceMs: 1_000, sightings: 0, dropped: 0 }];
  }

  rescan(): void {
    this.asked.push('rescan');
  }

  admit(id: string, admission: Admission, by: string): Promise<Result<Admitted, SensoriumError>> {
    this.asked.push({ id, admission, by });
    const device: Device = {
      id: (admission.id ?? 'Lamp') as DeviceId,
      name: 'Lamp',
      profile: 'open' as ProfileId,
      gateway: false,
      attributes: {},
      createdAt: 1,
      updatedAt: 1,
      version: 1,
    };
    return this.#decide(id, { candidate: { ...CANDIDATE, state: 'admitted', device: device.id }, device });
  }

  ignore(id: string, by: string): Promise<Result<Candidate, SensoriumError>> {
    this.asked.push({ id, by });
    return this.#decide(id, { ...CANDIDATE, state: 'ignored', decidedBy: by, decidedAt: 5 });
  }

  block(id: string, by: string): Promise<Result<Candidate, SensoriumError>> {
    this.asked.push({ id, by });
    return this.#decide(id, { ...CANDIDATE, state: 'blocked', decidedBy: by, decidedAt: 5 });
  }

  forget(id: string, by: string): Promise<Result<Candidate, SensoriumError>> {
    this.asked.push({ id, by });
    return this.#decide(id, CANDIDATE);
  }

  #decide<T>(id: string, answer: T): Promise<Result<T, SensoriumError>> {
    return Promise.resolve(id === CANDIDATE.id ? ok(answer) : err(problem('candidate.unknown', id)));
  }
}
