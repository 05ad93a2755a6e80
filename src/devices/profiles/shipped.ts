import { invariant } from '../../base/invariant.ts';
import type { MetricSchema, ProfileInput } from '../../model/profile.ts';
import energyMeter from './energy-meter.json' with { type: 'json' };
import environment from './environment.json' with { type: 'json' };

/** A profile as TypeScript reads it from JSON: the literal types of metrics have become strings. */
interface JsonProfile extends Omit<ProfileInput, 'metrics'> {
  readonly metrics: Readonly<Record<string, { readonly type: string }>>;
}

const TYPES = ['number', 'integer', 'boolean', 'string'] as const;

/** Profiles that come with the platform. */
export const shippedProfiles: readonly ProfileInput[] = [energyMeter, environment].map(asInput);

function asInput(profile: JsonProfile): ProfileInput {
  const { id, version, title, additionalMetrics } = profile;
  const metrics: Record<string, MetricSchema> = {};
  for (const [name, metric] of Object.entries(profile.metrics)) {
    const type = TYPES.find((candidate) => candidate === metric.type);
    invariant(type !== undefined, `shipped profile ${id}: metric ${name} has no known type`);
    metrics[name] = { ...metric, type };
  }
  return { id, version, title, metrics, additionalMetrics };
}
