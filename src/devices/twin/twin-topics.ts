/** Topics of twins, as the contract gives them. */
import { deviceTree, TOPIC_ROOT } from '../../model/topics.ts';

/** What every report matches. */
export const REPORT_FILTERS = [
  `${TOPIC_ROOT}/+/twin/reported`,
  `${TOPIC_ROOT}/+/children/+/twin/reported`,
] as const;

export const desiredTopic = (device: string, addressee: string): string =>
  `${deviceTree(device, addressee)}/twin/desired`;

interface ReportAddress {
  readonly device: string;
  /** Whose tree it came in: the device, or its gateway. */
  readonly speaker: string;
}

/** Of a topic that matches one of the filters. */
export function parseReportTopic(topic: string): ReportAddress | undefined {
  const [, speaker, next, child] = topic.split('/');
  if (speaker === undefined) return undefined;
  return next === 'children' && child !== undefined
    ? { device: child, speaker }
    : { device: speaker, speaker };
}
