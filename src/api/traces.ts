/** Single messages followed through the pipeline: where their time went. */
import type { FastifyInstance } from 'fastify';
import { describeRoute } from '../communication/http/route-schema.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { STAGES } from '../model/ports/traces.ts';
import { listOf, record } from './schemas.ts';

const integer = { type: 'integer' };
const text = { type: 'string' };

export function traceRoutes(app: FastifyInstance, { traces }: SystemFacade): void {
  app.get(
    '/api/v1/traces',
    {
      config: { access: 'system.read' },
      schema: describeRoute({
        summary: 'Messages followed through the pipeline',
        description:
          'The first message of each commit and one in 1,000; the last 100 of them, newest first. Times are ' +
          'milliseconds since the epoch, durations of stages seconds.',
        tag: 'system',
        answers: {
          200: {
            description: 'Since the start',
            schema: record({
              traces: listOf(
                record({
                  offset: { ...integer, description: 'In the log' },
                  origin: { ...text, description: 'Who sent it: a device, a gateway, or @user' },
                  topic: text,
                  receivedAt: integer,
                  takenAt: { ...integer, description: 'Taken from the log by the pipeline' },
                  committedAt: { ...integer, description: 'Can be queried from here on' },
                  outcome: { type: 'string', enum: ['stored', 'forwarded', 'quarantined'] },
                  stages: listOf(
                    record({ stage: { type: 'string', enum: [...STAGES] }, seconds: { type: 'number' } }),
                  ),
                }),
              ),
            }),
          },
        },
      }),
    },
    () => ({
      traces: traces
        .recent()
        .map((trace) => ({ ...trace, stages: trace.stages.map(([stage, seconds]) => ({ stage, seconds })) })),
    }),
  );
}
