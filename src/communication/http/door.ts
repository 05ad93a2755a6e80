import type { FastifyInstance } from 'fastify';
import type { Clock } from '../../base/clock.ts';
import { invariant } from '../../base/invariant.ts';
import type { SensoriumError } from '../../model/errors.ts';
import type { ApiAction, Principal } from '../../model/ports/security.ts';

/** Adds routes to the server. Called once per start, so once more after a restart. */
export type HttpDoor = (app: FastifyInstance) => void | Promise<void>;

/** What the server knows of each route; for the list of methods of a path, and for the OpenAPI document. */
export interface RouteEntry {
  readonly method: string;
  /** Pattern: `/api/v1/devices/:id`. */
  readonly url: string;
  readonly schema: object | undefined;
  readonly access: 'public' | ApiAction | undefined;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The right a route demands, or `public`. A route that declares none is refused to everyone. */
    access?: 'public' | ApiAction;
    /** Where the device a request is about is named: path parameter `id` or query parameter `device`. */
    device?: 'path' | 'query';
    /** A device without a `device` parameter may come in: the route shows it its own only, item by item. */
    filtered?: boolean;
    /** Stays open: its duration says nothing about response times. */
    stream?: boolean;
    /** Takes telemetry: own body limit, own rate, compressed bodies. */
    ingest?: boolean;
  }

  interface FastifyRequest {
    /** Telemetry that has reached the intake, which counts it from there on. */
    isSubmitted: boolean;
    principal: Principal | null;
    refusal: SensoriumError | null;
  }

  interface FastifyInstance {
    readonly clock: Clock;
    readonly routeTable: readonly RouteEntry[];
  }
}

/** Who asks. Only for handlers of routes that are not public. */
export function principalOf(request: { readonly principal: Principal | null }): Principal {
  invariant(request.principal !== null, 'a public route asks for its principal');
  return request.principal;
}
