/** Fakes for the tests of this room and of the API: a security port with known tokens, and a running server. */
import { connect } from 'node:net';
import { type Clock, systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import type { DeviceId } from '../../model/ids.ts';
import type { IngestReceipt, Intake } from '../../model/ports/history.ts';
import { type Meter, silentMeter } from '../../model/ports/meter.ts';
import {
  type ApiAction,
  type Principal,
  principalKey,
  type Role,
  type SecurityFacade,
} from '../../model/ports/security.ts';
import { type HttpDoor, HttpServer } from './http-server.ts';
import type { Upgrades } from './upgrades.ts';

const VIEWER_ACTIONS: readonly ApiAction[] = [
  'devices.read',
  'profiles.read',
  'telemetry.read',
  'events.read',
  'twin.read',
];
const DEVICE_ACTIONS: readonly ApiAction[] = [...VIEWER_ACTIONS, 'telemetry.write', 'twin.report'];

const user = (role: Role): Principal => ({ kind: 'user', id: role, role });
const device = (id: string): Principal => ({ kind: 'device', id: id as DeviceId });

/** Tokens are the names of who they are for: `admin`, `viewer`, `station`, `gw` (the gateway of `child`). */
export class FakeSecurity implements SecurityFacade {
  readonly principals = new Map<string, Principal>([
    ['admin', user('admin')],
    ['operator', user('operator')],
    ['viewer', user('viewer')],
    ['station', device('station')],
    ['gw', device('gw')],
  ]);
  readonly children = new Map([['child', 'gw']]);
  readonly revoked: string[] = [];
  readonly minted: unknown[] = [];
  readonly #listeners = new Set<(principal: string) => void>();
  readonly tls = { key: '', cert: '', ca: '' };
  readonly localToken = 'admin';
  bearerCalls = 0;

  bearer(token: string): Promise<Result<Principal, SensoriumError>> {
    this.bearerCalls += 1;
    const principal = this.principals.get(token);
    if (token === 'expired') return Promise.resolve(err(problem('auth.expired', 'The token has expired')));
    return Promise.resolve(
      principal === undefined ? err(problem('auth.invalid', 'This token is not known')) : ok(principal),
    );
  }

  login(name: string, password: string): ReturnType<SecurityFacade['login']> {
    if (name === 'admin' && password === 'right')
      return Promise.resolve(ok({ token: 'admin', expiresAt: 1 }));
    const code = name === 'locked' ? 'auth.locked' : 'auth.invalid';
    return Promise.resolve(err(problem(code, 'No')));
  }

  allows(principal: Principal, action: ApiAction, about?: string): boolean {
    if (principal.kind === 'device') {
      const own =
        about === principal.id || (about !== undefined && this.children.get(about) === principal.id);
      return own && DEVICE_ACTIONS.includes(action);
    }
    if (principal.role === 'viewer') return VIEWER_ACTIONS.includes(action);
    return principal.role === 'admin' || !['tokens.write', 'credentials.write'].includes(action);
  }

  issue(id: DeviceId): Promise<string> {
    return Promise.resolve(`token-of-${id}`);
  }

  revoke(id: DeviceId): Promise<void> {
    this.revoked.push(id);
    this.end(device(id));
    return Promise.resolve();
  }

  mint(subject: string, role: Role, lifetimeS?: number): Promise<string> {
    this.minted.push({ subject, role, lifetimeS });
    return Promise.resolve('a.b.c');
  }

  onRevoked(listener: (principal: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get revocationListeners(): number {
    return this.#listeners.size;
  }

  end(principal: Principal): void {
    for (const listener of this.#listeners) listener(principalKey(principal));
  }

  onPolicyChanged(): () => void {
    return () => undefined;
  }

  topics(): never {
    throw new Error('HTTP asks for no topics');
  }

  connect(): never {
    throw new Error('HTTP does not connect');
  }

  exchange(): never {
    throw new Error('HTTP does not connect');
  }
}

type Batch = Parameters<Intake['submit']>[0];

/** Keeps what it was given; answers what it is told to. */
export class FakeIntake implements Intake {
  readonly batches: Batch[] = [];
  answer: Result<IngestReceipt, SensoriumError> = ok({ accepted: 1, rejected: [] });

  readonly refusals: Parameters<Intake['refused']>[0][] = [];

  refused(refusal: Parameters<Intake['refused']>[0]): void {
    this.refusals.push(refusal);
  }

  submit(batch: Batch): Promise<Result<IngestReceipt, SensoriumError>> {
    this.batches.push(batch);
    return Promise.resolve(this.answer);
  }
}

export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly server: HttpServer;
  readonly security: FakeSecurity;
  readonly intake: FakeIntake;
}

export async function runServer(
  options: {
    readonly doors?: readonly HttpDoor[];
    readonly upgrades?: Upgrades;
    readonly security?: FakeSecurity;
    readonly meter?: Meter;
    readonly clock?: Clock;
  } = {},
): Promise<RunningServer> {
  const { doors = [], upgrades, security = new FakeSecurity() } = options;
  const { meter = silentMeter, clock = systemClock } = options;
  const intake = new FakeIntake();
  const server = new HttpServer({
    listener: { host: '127.0.0.1', port: 0 },
    security,
    intake,
    doors,
    upgrades,
    meter,
    logger: silentLogger,
    clock,
  });
  await server.start();
  const port = server.address?.port ?? 0;
  const url = `http://127.0.0.1:${port}`;
  return { url, port, server, security, intake, [Symbol.asyncDispose]: () => server.stop() };
}

export const bearer = (token: string): { readonly authorization: string } => ({
  authorization: `Bearer ${token}`,
});

/** Bytes out, bytes in, until the server closes: for what no HTTP client would send. */
export function exchange(port: number, ...parts: readonly string[]): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk) => {
    answer += String(chunk);
  });
  socket.on('close', () => resolve(answer));
  socket.on('error', reject);
  for (const part of parts) socket.write(part);
  return promise;
}

/** The problem document of a raw answer. */
export function problemIn(answer: string): { readonly code: string; readonly status: number } {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as { code: string; status: number };
}
