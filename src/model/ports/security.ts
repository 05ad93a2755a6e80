import type { Result } from '../../base/result.ts';
import type { SensoriumError } from '../errors.ts';
import type { DeviceId } from '../ids.ts';

export const ROLES = ['admin', 'operator', 'viewer'] as const;
export type Role = (typeof ROLES)[number];

/** Who is on the other side of a connection or request. */
export type Principal =
  | { readonly kind: 'device'; readonly id: DeviceId; readonly expiresAt?: number | undefined }
  | {
      readonly kind: 'user';
      readonly id: string;
      readonly role: Role;
      readonly expiresAt?: number | undefined;
    };

export interface ConnectCredentials {
  readonly username?: string | undefined;
  readonly password?: Uint8Array | undefined;
  readonly clientId: string;
  readonly address: string;
  /** Common name of a client certificate that this installation's CA signed. */
  readonly certificateName?: string | undefined;
}

/** Who asks for an enhanced authentication, as far as it is known before the exchange. */
export interface ExchangePeer {
  readonly clientId: string;
  readonly address: string;
  /** Common name of a client certificate that this installation's CA signed: the exchange must prove the same device. */
  readonly certificateName?: string | undefined;
}

export interface AuthStep {
  /** Authentication Data for the client. */
  readonly data: Uint8Array;
  /** Set when the exchange is done. */
  readonly principal: Principal | undefined;
}

export interface AuthExchange {
  /** Takes one message of the client; errors as in `connect`. After a principal or an error the exchange is over. */
  step(data: Uint8Array): Promise<Result<AuthStep, SensoriumError>>;
}

export interface Authenticator {
  /** MQTT CONNECT: device id + device token, certificate, or a user's name + JWT. */
  connect(credentials: ConnectCredentials): Promise<Result<Principal, SensoriumError>>;
  /** Starts an enhanced authentication [MQTT 5, 4.12]; undefined when the method is not offered. */
  exchange(method: string, peer: ExchangePeer): AuthExchange | undefined;
  /** HTTP: `Authorization: Bearer` with a device token, a JWT, or the local administration token. */
  bearer(token: string, address: string): Promise<Result<Principal, SensoriumError>>;
  /** People: name + password → JWT. */
  login(
    name: string,
    password: string,
    address: string,
  ): Promise<Result<{ readonly token: string; readonly expiresAt: number }, SensoriumError>>;
}

/** Topic rules of one connection, compiled once. Any doubt is a no. */
export interface TopicPolicy {
  mayPublish(topic: string): boolean;
  maySubscribe(filter: string): boolean;
  /** May this connection see a message on this topic? Asked again at delivery for wide filters. */
  mayReceive(topic: string): boolean;
}

export const API_ACTIONS = [
  'devices.read',
  'devices.write',
  'credentials.write',
  'profiles.read',
  'profiles.write',
  'telemetry.read',
  'telemetry.write',
  'events.read',
  'quarantine.read',
  'quarantine.write',
  'ledger.read',
  'commands.read',
  'commands.write',
  'twin.read',
  'twin.write',
  'twin.report',
  'clients.read',
  'clients.write',
  'system.read',
  'tokens.write',
] as const;
export type ApiAction = (typeof API_ACTIONS)[number];

export interface Authorizer {
  /** `address`: where the connection comes from, for the audit of refusals. */
  topics(principal: Principal, address?: string): TopicPolicy;
  /** `device`: the device the request is about, if any. A device may read and write itself and its children only. */
  allows(principal: Principal, action: ApiAction, device?: string): boolean;
}

interface Credentials {
  /** A new device token (256 bits), shown once, stored as a keyed hash. Earlier ones stay valid until revoked. */
  issue(device: DeviceId): Promise<string>;
  /** Forgets every token of the device and ends its live sessions. */
  revoke(device: DeviceId): Promise<void>;
  /** JWT for a user (`sensorium token`). */
  mint(subject: string, role: Role, lifetimeS?: number): Promise<string>;
}

export interface SecurityFacade extends Authenticator, Authorizer, Credentials {
  /** A principal's live sessions must end now (`kind:id` as in `principalKey`). */
  onRevoked(listener: (principal: string) => void): () => void;
  /** The topic rules of this principal changed: compile them again for its live sessions. */
  onPolicyChanged(listener: (principal: string) => void): () => void;
  /** PEM material of the TLS listeners. */
  readonly tls: { readonly key: string; readonly cert: string; readonly ca: string };
  /** The administration token of this run, for the command line on this machine (file mode 0600). */
  readonly localToken: string;
}

export const principalKey = (principal: Principal): string => `${principal.kind}:${principal.id}`;
