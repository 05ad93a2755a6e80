import type { Logger } from '../../base/logger.ts';
import type { Registry } from '../../model/ports/registry.ts';
import type { ApiAction, Authorizer, Principal, TopicPolicy } from '../../model/ports/security.ts';
import type { DenialLog } from '../audit/denial-log.ts';
import type { PolicyWatch } from './policy-watch.ts';
import { DEVICE_ACTIONS, ROLE_ACTIONS } from './roles.ts';
import { denyAll, deviceTopics, userTopics } from './topic-policy.ts';

interface PolicyAuthorizerOptions {
  readonly registry: Pick<Registry, 'get'>;
  readonly watch: PolicyWatch;
  readonly denials: DenialLog;
  readonly logger: Logger;
  /** False while security is down: then everything is refused, compiled policies included. */
  readonly isOpen: () => boolean;
}

/**
 * Decides from the registry and two fixed tables. Promises that doubt is a no: an unknown device, a role that is none,
 * an error on the way, security being down.
 */
export class PolicyAuthorizer implements Authorizer {
  readonly #registry: Pick<Registry, 'get'>;
  readonly #watch: PolicyWatch;
  readonly #denials: DenialLog;
  readonly #logger: Logger;
  readonly #isOpen: () => boolean;

  constructor({ registry, watch, denials, logger, isOpen }: PolicyAuthorizerOptions) {
    this.#registry = registry;
    this.#watch = watch;
    this.#denials = denials;
    this.#logger = logger;
    this.#isOpen = isOpen;
  }

  topics(principal: Principal, address = ''): TopicPolicy {
    try {
      return this.#guarded(principal, address, this.#compile(principal));
    } catch (cause) {
      this.#logger.error({ principal: principal.id, error: String(cause) }, 'policy failed; refusing');
      return denyAll;
    }
  }

  allows(principal: Principal, action: ApiAction, device?: string): boolean {
    try {
      return this.#isOpen() && this.#allows(principal, action, device);
    } catch (cause) {
      this.#logger.error({ principal: principal.id, error: String(cause) }, 'policy failed; refusing');
      return false;
    }
  }

  #allows(principal: Principal, action: ApiAction, device: string | undefined): boolean {
    if (principal.kind === 'user') return ROLE_ACTIONS[principal.role].has(action);
    if (device === undefined || !DEVICE_ACTIONS.has(action)) return false;
    if (this.#registry.get(principal.id) === undefined) return false;
    return device === principal.id || this.#registry.get(device)?.parent === principal.id;
  }

  #compile(principal: Principal): TopicPolicy {
    if (principal.kind === 'user') return userTopics(principal.role);
    const device = this.#registry.get(principal.id);
    if (device === undefined) return denyAll;
    this.#watch.compiled(device);
    return deviceTopics(device);
  }

  /** Refusals of what a client asked for are told to the audit; `mayReceive` merely filters. */
  #guarded(principal: Principal, address: string, policy: TopicPolicy): TopicPolicy {
    const isOpen = this.#isOpen;
    const denied = (action: string, resource: string): false => {
      this.#denials.denied({ subject: principal.id, action, resource, address });
      return false;
    };
    return {
      mayPublish: (topic) => (isOpen() && policy.mayPublish(topic)) || denied('publish', topic),
      maySubscribe: (filter) => (isOpen() && policy.maySubscribe(filter)) || denied('subscribe', filter),
      mayReceive: (topic) => isOpen() && policy.mayReceive(topic),
    };
  }
}
