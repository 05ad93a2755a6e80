/**
 * Who asks, and may they: every route declares the right it demands, a route that declares none is closed. Who it is
 * is found out before the rate is counted (so that it counts per principal), and refused before the body is read.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from '../../base/logger.ts';
import { Secret } from '../../base/secret.ts';
import { problem, type SensoriumError } from '../../model/errors.ts';
import { parseDeviceId } from '../../model/ids.ts';
import {
  type ApiAction,
  type Authenticator,
  type Authorizer,
  principalKey,
} from '../../model/ports/security.ts';

/** WebSocket clients in browsers cannot set headers; they may send the token as a subprotocol of this prefix. */
export const BEARER_PROTOCOL = 'sensorium.bearer.';

interface GuardOptions {
  readonly security: Authenticator & Authorizer;
  readonly logger: Logger;
}

export function guardRoutes(app: FastifyInstance, { security, logger }: GuardOptions): void {
  app.decorateRequest('principal', null);
  app.decorateRequest('refusal', null);
  app.addHook('onRequest', async (request) => {
    if (isPublic(request)) return;
    const token = bearerToken(request);
    if (token === undefined) {
      request.refusal = problem('auth.required', 'This needs a bearer token');
      return;
    }
    const known = await security.bearer(token.reveal(), request.ip);
    if (known.ok) request.principal = known.value;
    else request.refusal = known.error;
  });
  app.addHook('preParsing', (request, _reply, _payload, done) => {
    if (isPublic(request)) {
      done();
      return;
    }
    const refusal = request.refusal ?? refusalOf(request, security);
    // Failed authentication is audited where it fails; what a known one may not do shows here.
    if (refusal?.code === 'auth.forbidden') {
      const { id, ip, method, routeOptions } = request;
      const { message } = refusal;
      logger.info({ request: id, address: ip, method, route: routeOptions.url, message }, 'refused');
    }
    done(refusal ?? undefined);
  });
}

const isPublic = (request: FastifyRequest): boolean =>
  request.is404 || request.routeOptions.config.access === 'public';

function refusalOf(request: FastifyRequest, security: Authorizer): SensoriumError | null {
  const { principal } = request;
  if (principal === null) return problem('auth.required', 'This needs a bearer token');
  const { access, device, filtered } = request.routeOptions.config;
  if (access === undefined || access === 'public') return problem('auth.forbidden', 'This route is closed');
  const name = device === undefined ? undefined : deviceOf(request, device);
  if (name !== undefined) {
    const id = parseDeviceId(name);
    if (!id.ok) return id.error;
  }
  if (security.allows(principal, access, name)) return null;
  const own = filtered === true && principal.kind === 'device' && name === undefined;
  if (own && security.allows(principal, access, principal.id)) return null;
  return forbidden(principalKey(principal), access, name);
}

function forbidden(who: string, action: ApiAction, device: string | undefined): SensoriumError {
  const about = device === undefined ? '' : ` of device "${device}"`;
  return problem('auth.forbidden', `${who} has no right to ${action}${about}`);
}

function deviceOf(request: FastifyRequest, where: 'path' | 'query'): string | undefined {
  const { id, device } = (where === 'path' ? request.params : request.query) as Record<string, unknown>;
  const name = where === 'path' ? id : device;
  // Given twice it is a list: no device id, and refused as such.
  return name === undefined || typeof name === 'string' ? name : JSON.stringify(name);
}

/** RFC 6750, section 2.1; the scheme is case-insensitive (RFC 9110, section 11.1). */
function bearerToken(request: FastifyRequest): Secret | undefined {
  const { authorization, upgrade } = request.headers;
  const match = /^Bearer +(\S+) *$/i.exec(authorization ?? '');
  if (match?.[1] !== undefined) return new Secret(match[1]);
  if (upgrade === undefined) return undefined;
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',');
  const token = offered.map((one) => one.trim()).find((one) => one.startsWith(BEARER_PROTOCOL));
  return token === undefined ? undefined : new Secret(token.slice(BEARER_PROTOCOL.length));
}
