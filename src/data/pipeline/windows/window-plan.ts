import type { Profile } from '../../../model/profile.ts';
import { readWindow, type WindowDefinition } from '../../../model/windows.ts';
import { AlignedWindows } from './aligned-windows.ts';
import { SessionWindows } from './session-windows.ts';
import { SlidingWindows } from './sliding-windows.ts';
import type { WindowSet } from './window-set.ts';

/** The windows of one metric of a profile: the same object for the same metric and profile. */
export interface WindowPlan {
  readonly definitions: readonly WindowDefinition[];
}

/** By metric as stored. Declarations were checked when the profile was put: what says nothing here is left out. */
export function windowPlans(profile: Profile): (metric: string) => WindowPlan | undefined {
  const declared = Object.entries(profile.windows ?? {}).flatMap(([name, input]) => {
    const read = readWindow(name, input);
    return read.ok ? [{ metrics: input.metrics, definition: read.value }] : [];
  });
  if (declared.length === 0) return () => undefined;
  const plans = new Map<string, WindowPlan | undefined>();
  return (metric) => {
    if (plans.has(metric)) return plans.get(metric);
    const definitions = declared
      .filter(({ metrics }) => metrics === undefined || metrics.includes(metric))
      .map(({ definition }) => definition);
    const plan = definitions.length === 0 ? undefined : { definitions };
    plans.set(metric, plan);
    return plan;
  };
}

/** The same text for the same meaning: kept beside the state of a window. */
export const definitionKey = (definition: WindowDefinition): string => JSON.stringify(definition);

export function newWindowSet(definition: WindowDefinition): WindowSet {
  switch (definition.kind) {
    case 'tumbling':
    case 'hopping':
      return new AlignedWindows(definition);
    case 'sliding':
      return new SlidingWindows(definition);
    case 'session':
      return new SessionWindows(definition);
  }
}
