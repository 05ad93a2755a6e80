import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { type Health, type Manager, UP } from '../base/lifecycle.ts';
import { SERVER_CERTIFICATE_RENEW_MS, TOKEN_LIFETIME_MAX_S, TOKEN_LIFETIME_S } from '../base/limits.ts';
import type { Logger } from '../base/logger.ts';
import { type Random, systemRandom } from '../base/random.ts';
import { err, type Result } from '../base/result.ts';
import { problem, type SensoriumError } from '../model/errors.ts';
import type { DeviceId } from '../model/ids.ts';
import type { EventPublisher } from '../model/ports/events.ts';
import type { Meter } from '../model/ports/meter.ts';
import type { Registry, RegistryChange } from '../model/ports/registry.ts';
import {
  type ApiAction,
  type AuthExchange,
  type ConnectCredentials,
  type ExchangePeer,
  type Principal,
  ROLES,
  type Role,
  type SecurityFacade,
  type TopicPolicy,
} from '../model/ports/security.ts';
import type { StateStore, StateTable } from '../model/ports/state.ts';
import { DenialLog } from './audit/denial-log.ts';
import { TokenAuthenticator } from './identity/authenticator.ts';
import { DeviceCredentials, type StoredCredentials } from './identity/device-credentials.ts';
import { Lockout } from './identity/lockout.ts';
import { LoginGate } from './identity/login-gate.ts';
import { type StoredUser, UserBook } from './identity/user-book.ts';
import { KeyDirectory } from './keys/key-directory.ts';
import { PolicyAuthorizer } from './policy/authorizer.ts';
import { PolicyWatch } from './policy/policy-watch.ts';
import type { Authority, ServerIdentity } from './tls/tls-identity.ts';
import { isUserName, JwtIssuer } from './token/jwt.ts';

interface SecurityManagerOptions {
  readonly state: StateStore;
  readonly dataDir: string;
  readonly registry: Registry;
  readonly events: EventPublisher;
  readonly meter: Meter;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Of what a peer gets to see (nonces). Keys and tokens always come from the system. */
  readonly random?: Random;
}

/** What exists only while security is up. */
interface Armed {
  readonly authenticator: TokenAuthenticator;
  readonly credentials: DeviceCredentials;
  readonly jwt: JwtIssuer;
  readonly server: ServerIdentity;
  readonly authority: Authority;
}

type Listener = (principal: string) => void;

/**
 * Identity and rights: who may connect, what they may do, and when that ends. Promises that everything is refused while
 * it is down, that no key is ever made anew in the place of a damaged one, and that a revocation reaches live sessions.
 */
export class SecurityManager implements Manager, SecurityFacade {
  readonly name = 'security';
  /** Administration token of this process; survives a restart of the manager in place. */
  readonly localToken = `slt.${randomBytes(32).toString('base64url')}`;
  readonly #registry: Registry;
  readonly #events: EventPublisher;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #credentialTable: StateTable<StoredCredentials>;
  readonly #userTable: StateTable<StoredUser>;
  readonly #users: UserBook;
  readonly #keys: KeyDirectory;
  readonly #gate: LoginGate;
  readonly #authorizer: PolicyAuthorizer;
  readonly #watch = new PolicyWatch();
  readonly #revokedListeners = new Set<Listener>();
  readonly #policyListeners = new Set<Listener>();
  readonly #cleanups = new Set<Promise<void>>();
  #armed: Armed | undefined;
  #firstStart: { readonly adminPassword: string } | undefined;
  #stateFault: string | undefined;
  #stopListening: () => void = () => undefined;

  constructor(options: SecurityManagerOptions) {
    const { state, dataDir, registry, events, meter, logger, clock, random = systemRandom } = options;
    this.#registry = registry;
    this.#events = events;
    this.#logger = logger.child({ manager: this.name });
    this.#clock = clock;
    this.#random = random;
    this.#credentialTable = state.table<StoredCredentials>('credentials');
    this.#userTable = state.table<StoredUser>('users');
    this.#users = new UserBook({ table: this.#userTable, clock });
    this.#keys = new KeyDirectory({ dataDir, logger: this.#logger, clock });
    const denials = new DenialLog({ events, logger: this.#logger, clock });
    this.#gate = new LoginGate({
      lockout: new Lockout({ clock }),
      denials,
      meter,
      logger: this.#logger,
      onStateFault: (fault) => {
        this.#stateFault = fault;
      },
    });
    this.#authorizer = new PolicyAuthorizer({
      registry,
      watch: this.#watch,
      denials,
      logger: this.#logger,
      isOpen: () => this.#armed !== undefined,
    });
  }

  /** The admin's password, in the process that made it and nowhere else: print it once. */
  get firstStart(): { readonly adminPassword: string } | undefined {
    return this.#firstStart;
  }

  async start(): Promise<void> {
    if (this.#armed !== undefined) return;
    const isNew = (): boolean => this.#userTable.count === 0 && this.#credentialTable.count === 0;
    const ring = await this.#keys.open(isNew);
    const adminPassword = await this.#users.ensureAdmin();
    if (adminPassword !== undefined) this.#firstStart = { adminPassword };
    this.#stopListening = this.#registry.onChange((change) => this.#registryChanged(change));
    const credentials = new DeviceCredentials({
      table: this.#credentialTable,
      key: ring.deviceTokenKey,
      registry: this.#registry,
      clock: this.#clock,
    });
    const jwt = new JwtIssuer({ key: ring.jwtKey, clock: this.#clock });
    const { server, authority } = ring;
    this.#armed = {
      authenticator: this.#authenticator(credentials, jwt),
      credentials,
      jwt,
      server,
      authority,
    };
    this.#reviewSessions();
  }

  async stop(): Promise<void> {
    this.#armed = undefined;
    this.#stopListening();
    this.#stopListening = () => undefined;
    await Promise.allSettled(this.#cleanups);
  }

  health(): Health {
    if (this.#armed === undefined)
      return { status: 'down', reasons: ['security is down: everything is refused'] };
    const reasons: string[] = [];
    const left = this.#armed.server.expiresAt - this.#clock.now();
    if (left < SERVER_CERTIFICATE_RENEW_MS / 2)
      reasons.push('the server certificate expires soon: restart to renew it');
    if (this.#armed.authority.expiresAt - this.#clock.now() < SERVER_CERTIFICATE_RENEW_MS) {
      reasons.push('the certificate authority expires soon');
    }
    if (this.#stateFault !== undefined) reasons.push(`credentials cannot be checked: ${this.#stateFault}`);
    return reasons.length === 0 ? UP : { status: 'degraded', reasons };
  }

  /** Nothing here runs on its own and could fail between calls: a failing check shows in `health` and refuses. */
  onFailure(): void {
    // No failure to tell of.
  }

  async connect(credentials: ConnectCredentials): Promise<Result<Principal, SensoriumError>> {
    return this.#armed?.authenticator.connect(credentials) ?? down();
  }

  async bearer(token: string, address: string): Promise<Result<Principal, SensoriumError>> {
    return this.#armed?.authenticator.bearer(token, address) ?? down();
  }

  async login(
    name: string,
    password: string,
    address: string,
  ): Promise<Result<{ readonly token: string; readonly expiresAt: number }, SensoriumError>> {
    return this.#armed?.authenticator.login(name, password, address) ?? down();
  }

  exchange(method: string, peer: ExchangePeer): AuthExchange | undefined {
    const armed = this.#armed;
    const exchange = armed?.authenticator.exchange(method, peer);
    if (armed !== undefined && exchange === undefined) return undefined;
    // An exchange does not outlive the security that it began under.
    return { step: async (data) => (this.#armed === armed ? exchange?.step(data) : undefined) ?? down() };
  }

  topics(principal: Principal, address?: string): TopicPolicy {
    return this.#authorizer.topics(principal, address);
  }

  allows(principal: Principal, action: ApiAction, device?: string): boolean {
    return this.#authorizer.allows(principal, action, device);
  }

  /** Throws device.unknown, device.too_many_tokens, auth.unavailable. */
  async issue(id: DeviceId): Promise<string> {
    const token = await this.#require().credentials.issue(id);
    this.#logger.info({ device: id }, 'device token issued');
    return token;
  }

  /** Throws auth.unavailable. Sessions end once the revocation is on disk; new ones are refused from the start. */
  async revoke(id: DeviceId): Promise<void> {
    await this.#require().credentials.revoke(id);
    this.#ended(id);
  }

  /** Throws request.invalid for a name, role or lifetime that cannot be, auth.unavailable. */
  async mint(subject: string, role: Role, lifetimeS: number = TOKEN_LIFETIME_S): Promise<string> {
    const { jwt } = this.#require();
    if (!isUserName(subject)) throw problem('request.invalid', 'subject: 1–128 letters, digits, . _ : -');
    if (!ROLES.includes(role)) throw problem('request.invalid', `role: one of ${ROLES.join(', ')}`);
    if (!Number.isInteger(lifetimeS) || lifetimeS < 1 || lifetimeS > TOKEN_LIFETIME_MAX_S) {
      throw problem('request.invalid', `lifetimeS: 1 to ${TOKEN_LIFETIME_MAX_S}`);
    }
    const { token } = await jwt.mint(subject, role, lifetimeS);
    this.#logger.info({ subject, role, lifetimeS }, 'token minted');
    return token;
  }

  onRevoked(listener: Listener): () => void {
    this.#revokedListeners.add(listener);
    return () => void this.#revokedListeners.delete(listener);
  }

  onPolicyChanged(listener: Listener): () => void {
    this.#policyListeners.add(listener);
    return () => void this.#policyListeners.delete(listener);
  }

  get tls(): { readonly key: string; readonly cert: string; readonly ca: string } {
    const { server, authority } = this.#require();
    return { key: server.key, cert: server.cert, ca: authority.cert };
  }

  #require(): Armed {
    if (this.#armed === undefined) throw problem('auth.unavailable', 'security is down');
    return this.#armed;
  }

  #authenticator(credentials: DeviceCredentials, jwt: JwtIssuer): TokenAuthenticator {
    return new TokenAuthenticator({
      registry: this.#registry,
      credentials,
      users: this.#users,
      jwt,
      gate: this.#gate,
      localToken: this.localToken,
      random: this.#random,
    });
  }

  #registryChanged(change: RegistryChange): void {
    if (change.kind === 'device-removed') this.#deviceRemoved(change.id);
    if (change.kind === 'device-put' && !change.added && this.#watch.isStale(change.device)) {
      this.#tell(this.#policyListeners, change.device.id);
    }
  }

  /** The device is gone from the registry, so its tokens are refused already; this forgets them and ends sessions. */
  #deviceRemoved(id: DeviceId): void {
    this.#ended(id);
    const cleanup = (this.#armed?.credentials.revoke(id) ?? Promise.resolve()).catch((cause: unknown) => {
      this.#logger.error(
        { device: id, error: String(cause) },
        'credentials of a removed device stay behind, unusable',
      );
    });
    this.#cleanups.add(cleanup);
    void cleanup.finally(() => this.#cleanups.delete(cleanup));
  }

  #ended(id: string): void {
    this.#watch.forget(id);
    this.#tell(this.#revokedListeners, id);
    this.#events.publish('security.revoked', id, { subject: id });
    this.#logger.info({ device: id }, 'credentials revoked');
  }

  #reviewSessions(): void {
    const { gone, stale } = this.#watch.review(this.#registry);
    for (const id of gone) this.#ended(id);
    for (const id of stale) this.#tell(this.#policyListeners, id);
  }

  #tell(listeners: ReadonlySet<Listener>, id: string): void {
    for (const listener of listeners) {
      try {
        listener(`device:${id}`);
      } catch (cause) {
        this.#logger.error({ device: id, error: String(cause) }, 'security listener threw');
      }
    }
  }
}

const down = (): Result<never, SensoriumError> => err(problem('auth.unavailable', 'security is down'));
