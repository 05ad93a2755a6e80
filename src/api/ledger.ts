/** The loss ledger: what became of every message, and whether it adds up. */
import type { FastifyInstance } from 'fastify';
import { LEDGER_LIMIT_DEFAULT, LEDGER_LIMIT_MAX } from '../base/limits.ts';
import { describeRoute } from '../communication/http/route-schema.ts';
import type { SystemFacade } from '../model/ports/system.ts';
import { RANGE_PARAMETERS, readRange } from './readings-query.ts';
import { listOf, record, ref, shortText } from './schemas.ts';

interface LedgerParameters {
  readonly sender?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit?: number;
}

const count = { type: 'integer', minimum: 0 };

export function ledgerRoutes(app: FastifyInstance, { ledger }: SystemFacade): void {
  app.get<{ Querystring: LedgerParameters }>(
    '/api/v1/ledger',
    {
      config: { access: 'ledger.read' },
      schema: describeRoute({
        summary: 'What became of every message',
        description:
          'Per sender and hour of receipt: received = stored + forwarded + quarantined + dropped + pending. What is ' +
          'received is counted where it enters, the rest where it happens; see docs/ledger.md.',
        tag: 'system',
        query: {
          sender: shortText('Only of this device, gateway or @user'),
          ...RANGE_PARAMETERS,
          limit: {
            type: 'integer',
            minimum: 1,
            maximum: LEDGER_LIMIT_MAX,
            description: `Default ${LEDGER_LIMIT_DEFAULT}`,
          },
        },
        answers: {
          200: {
            description: 'Newest hour first; `total` is of all rows that fit',
            schema: record({
              rows: listOf(ref('LedgerRow')),
              total: ref('LedgerTotal'),
              addsUp: { type: 'boolean' },
              found: { ...count, description: 'Rows that fit' },
              beyond: {
                ...count,
                description: 'Messages of the log too far behind to be told apart: in no row',
              },
            }),
          },
        },
        errors: ['query.invalid', 'query.too_wide', 'query.timeout', 'query.busy', 'store.unavailable'],
      }),
    },
    async (request, reply) => {
      const { sender, limit, ...range } = request.query;
      const times = readRange(range, app.clock.now());
      const report = times.ok ? await ledger.report({ sender, ...times.value, limit }) : times;
      return await reply.send(report.ok ? report.value : report.error);
    },
  );
}
