import { API_ACTIONS, type ApiAction, type Role } from '../../model/ports/security.ts';

/** Who may do what over HTTP. Operators run the fleet; only admins hand out the rights of others. */
export const ROLE_ACTIONS: Readonly<Record<Role, ReadonlySet<ApiAction>>> = {
  admin: new Set(API_ACTIONS),
  operator: new Set(API_ACTIONS.filter((action) => action !== 'tokens.write')),
  viewer: new Set(API_ACTIONS.filter((action) => action.endsWith('.read'))),
};

/** What a device may do, on itself and its children. */
export const DEVICE_ACTIONS: ReadonlySet<ApiAction> = new Set([
  'telemetry.read',
  'telemetry.write',
  'devices.read',
  'twin.read',
  'twin.report',
]);
