import { EXIT_OK } from '../io.ts';
import type { Session } from '../session.ts';

export interface TokenOptions {
  readonly subject?: string | undefined;
  readonly role?: string | undefined;
  readonly lifetime?: number | undefined;
}

/** A JWT for a user. Prints the bare token, so that `$(sensorium token)` works. */
export async function token(options: TokenOptions, session: Session): Promise<number> {
  const server = await session.server();
  const { subject, role, lifetime } = options;
  const lifetimeS = lifetime === undefined ? undefined : Math.max(1, Math.round(lifetime / 1_000));
  const issued = await server.json<{ token: string; expiresAt: number }>(
    'POST',
    '/api/v1/tokens',
    ['token'],
    {
      body: { subject, role, lifetimeS },
    },
  );
  if (session.json) session.answer(issued);
  else session.say(issued.token);
  return EXIT_OK;
}
