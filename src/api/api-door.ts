/**
 * The HTTP API: all routes of the contract over the system facade, one file per resource. Knows the facade and the
 * words of the model; what a route may do is decided by the listener (`config.access`), not here.
 */
import type { HttpDoor } from '../communication/http/door.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { bulkRoutes } from './bulk/bulk.ts';
import { candidateRoutes } from './candidates.ts';
import { clientRoutes } from './clients.ts';
import { commandRoutes } from './commands.ts';
import { deviceHistoryRoute } from './device-history.ts';
import { deviceRoutes } from './devices.ts';
import { eventRoutes } from './events.ts';
import { fleetQueryRoutes } from './fleet-queries.ts';
import { groupRoutes } from './groups.ts';
import { ledgerRoutes } from './ledger.ts';
import { liveRoutes } from './live.ts';
import { OpenStreams } from './open-streams.ts';
import { openApiRoutes } from './openapi.ts';
import { presenceRoutes } from './presence.ts';
import { profileRoutes } from './profiles.ts';
import { quarantineRoutes } from './quarantine.ts';
import { retentionRoutes } from './retention.ts';
import { sessionRoutes } from './session.ts';
import { systemRoutes } from './system.ts';
import { telemetryRoutes } from './telemetry.ts';
import { traceRoutes } from './traces.ts';
import { twinRoutes } from './twins.ts';
import { windowRoutes } from './windows.ts';

export function apiDoor(facade: SystemFacade): HttpDoor {
  return async (app) => {
    const streams = new OpenStreams(facade.security, app.clock);
    app.addHook('preClose', (done) => {
      streams.closeAll('server.stopping');
      done();
    });
    sessionRoutes(app, facade);
    deviceRoutes(app, facade);
    deviceHistoryRoute(app, facade);
    groupRoutes(app, facade);
    await bulkRoutes(app, facade);
    presenceRoutes(app, facade);
    twinRoutes(app, facade);
    commandRoutes(app, facade);
    candidateRoutes(app, facade);
    clientRoutes(app, facade);
    telemetryRoutes(app, facade);
    fleetQueryRoutes(app, facade);
    windowRoutes(app, facade);
    profileRoutes(app, facade);
    quarantineRoutes(app, facade);
    ledgerRoutes(app, facade);
    retentionRoutes(app, facade);
    traceRoutes(app, facade);
    systemRoutes(app, facade);
    eventRoutes(app, facade, streams);
    await liveRoutes(app, facade, streams);
    openApiRoutes(app, facade);
  };
}
