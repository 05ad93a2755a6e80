/** What is kept of history, and what would go: status and preview. Neither changes anything. */
import type { FastifyInstance } from 'fastify';
import { parseSize } from '../base/size-units.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import { problem } from '../model/errors.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { RETENTION_LEVELS } from '../model/retention.ts';
import { listOf, record, shortText } from './schemas.ts';

const count = { type: 'integer', minimum: 0 };
const time = { type: 'integer', description: 'Milliseconds since the epoch' };
const level = { enum: RETENTION_LEVELS };
const bytes = record({
  total: { ...count, description: 'What the budget counts: used + wal + partitions' },
  used: { ...count, description: 'In use inside the database' },
  reusable: { ...count, description: 'Free inside the database: filled again before it grows' },
  wal: count,
  partitions: count,
});
const budget = { ...count, description: 'Bytes; absent: none' };

const STATUS = record(
  {
    keep: {
      ...record({ raw: count, minute: count, hour: count }, RETENTION_LEVELS),
      description: 'Milliseconds; absent: for ever',
    },
    partitionAfterMs: count,
    budgetBytes: budget,
    overrides: { ...count, description: 'Series whose profile or metric says its own times' },
    bytes,
    levels: listOf(
      record(
        { level, oldestMs: time, newestMs: time, rows: count, partitions: count, partitionBytes: count },
        ['oldestMs', 'newestMs'],
      ),
    ),
    damaged: { ...listOf({ type: 'string' }), description: 'Partitions whose file is gone or cut' },
  },
  ['budgetBytes'],
);

const PREVIEW = record(
  {
    budgetBytes: budget,
    bytesBefore: count,
    bytesAfter: count,
    fits: {
      type: 'boolean',
      description: 'False: with all gone that may go, the budget would still be passed',
    },
    items: listOf(
      record({
        level,
        reason: { enum: ['age', 'budget'] },
        fromMs: time,
        toMs: time,
        devices: count,
        metrics: count,
        rows: count,
        bytes: { ...count, description: 'Exact for whole partitions, otherwise estimated' },
      }),
    ),
  },
  ['budgetBytes'],
);

export function retentionRoutes(app: FastifyInstance, { retention }: SystemFacade): void {
  app.get(
    '/api/v1/retention',
    {
      config: { access: 'system.read' },
      schema: describeRoute({
        summary: 'What is kept of history, and what it takes',
        tag: 'system',
        answers: { 200: { description: 'Levels from readings to hours', schema: STATUS } },
        errors: ['query.timeout', 'query.busy', 'store.unavailable'],
      }),
    },
    async (_request, reply) => {
      const status = await retention.status();
      return await reply.send(status.ok ? status.value : status.error);
    },
  );

  app.get<{ Querystring: { budget?: string } }>(
    '/api/v1/retention/preview',
    {
      config: { access: 'system.read' },
      schema: describeRoute({
        summary: 'What of history would go now, by age and for the budget',
        description: 'One item by level and reason; none = nothing would go. Nothing is changed.',
        tag: 'system',
        query: { budget: shortText('Bytes, or like 5GB, 20GiB; default: the configured budget') },
        answers: { 200: { description: 'In the order it would go', schema: PREVIEW } },
        errors: ['query.invalid', 'query.timeout', 'query.busy', 'store.unavailable'],
      }),
    },
    async (request, reply) => {
      const { budget: text } = request.query;
      const budgetBytes = text === undefined ? undefined : parseSize(text);
      if (text !== undefined && budgetBytes === undefined) {
        return await reply.send(problem('query.invalid', `budget "${text}"; bytes, or like 5GB, 20GiB`));
      }
      const preview = await retention.preview({ budgetBytes });
      return await reply.send(preview.ok ? preview.value : preview.error);
    },
  );
}
