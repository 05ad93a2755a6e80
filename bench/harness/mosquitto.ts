/** Debian's Mosquitto as the yardstick: authentication on, nothing durable, no limit on what it may queue. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Broker, deviceNames } from './broker.ts';
import { DAEMON_PATH, freePort } from './daemon.ts';
import { PEER_PASSWORD, PEER_SUBSCRIBER, Peer } from './peer.ts';
import { UnavailableError } from './scenario.ts';

/** `more`: lines of configuration beside ours. */
export async function startMosquitto(folder: string, more: readonly string[] = []): Promise<Broker> {
  const port = await freePort();
  const passwords = join(folder, 'mosquitto.passwords');
  writeFileSync(
    passwords,
    [...deviceNames, PEER_SUBSCRIBER].map((name) => `${name}:${PEER_PASSWORD}\n`).join(''),
  );
  const configuration = join(folder, 'mosquitto.conf');
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous false',
    `password_file ${passwords}`,
    'persistence false',
    'max_queued_messages 0',
    'set_tcp_nodelay true',
    'log_type error',
    ...more,
    ...(process.getuid?.() === 0 ? ['user root'] : []),
  ];
  writeFileSync(configuration, `${lines.join('\n')}\n`);
  try {
    execFileSync('mosquitto_passwd', ['-U', passwords], { env: { ...process.env, PATH: DAEMON_PATH } });
  } catch (cause) {
    throw new UnavailableError('Mosquitto is not installed', { cause });
  }
  return await Peer.start('Mosquitto', port, ['mosquitto', '-c', configuration]);
}
