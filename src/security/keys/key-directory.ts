import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { SERVER_CERTIFICATE_RENEW_MS } from '../../base/limits.ts';
import type { Logger } from '../../base/logger.ts';
import { problem } from '../../model/errors.ts';
import { makeAuthority, makeServerCertificate } from '../tls/certificates.ts';
import { coversHost, hostNames } from '../tls/host-names.ts';
import { type Authority, readAuthority, readServerPem, type ServerIdentity } from '../tls/tls-identity.ts';
import {
  fileProblem,
  formatSecretKey,
  newSecretKey,
  readSecret,
  readSecretKey,
  syncDirectory,
  writeSecret,
} from './secret-file.ts';

/** Everything secret that this installation is known by. */
export interface KeyRing {
  readonly deviceTokenKey: Uint8Array;
  readonly jwtKey: Uint8Array;
  readonly authority: Authority;
  readonly server: ServerIdentity;
}

interface KeyDirectoryOptions {
  readonly dataDir: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

const FILES = {
  deviceTokenKey: 'device-token.key',
  jwtKey: 'jwt.key',
  authorityKey: 'ca.key',
  authorityCertificate: 'ca.crt',
  /** Key and certificate in one file, so that a renewal is one rename. */
  server: 'server.pem',
} as const;

/**
 * `{dataDir}/keys`: made whole in one rename at the first start, read and checked at each later one. A crash in the
 * middle of making it leaves nothing that counts; a file that is missing or damaged afterwards is an error.
 */
export class KeyDirectory {
  readonly #path: string;
  readonly #dataDir: string;
  readonly #logger: Logger;
  readonly #clock: Clock;

  constructor({ dataDir, logger, clock }: KeyDirectoryOptions) {
    this.#dataDir = dataDir;
    this.#path = join(dataDir, 'keys');
    this.#logger = logger;
    this.#clock = clock;
  }

  /** `mayCreate`: false where the state knows credentials that only the lost keys could check. */
  async open(mayCreate: () => boolean): Promise<KeyRing> {
    if (!existsSync(this.#path)) {
      if (!mayCreate()) {
        throw problem('data_dir.corrupt', `${this.#path} is missing, but users or device credentials exist`);
      }
      await this.#create();
    }
    return this.#read();
  }

  async #create(): Promise<void> {
    const draft = join(this.#dataDir, 'keys.new');
    const now = this.#clock.now();
    const authority = await makeAuthority(now);
    const server = await makeServerCertificate(authority, hostNames(), now);
    try {
      rmSync(draft, { recursive: true, force: true });
      mkdirSync(draft, { recursive: true, mode: 0o700 });
      const put = (file: string, text: string): void => writeSecret(join(draft, file), text);
      put(FILES.deviceTokenKey, formatSecretKey(newSecretKey()));
      put(FILES.jwtKey, formatSecretKey(newSecretKey()));
      put(FILES.authorityKey, authority.key);
      put(FILES.authorityCertificate, authority.cert);
      put(FILES.server, server.key + server.cert);
      renameSync(draft, this.#path);
      syncDirectory(this.#dataDir);
    } catch (cause) {
      throw fileProblem(draft, cause);
    }
    this.#logger.info({ path: this.#path }, 'keys and certificates made');
  }

  async #read(): Promise<KeyRing> {
    const path = (file: string): string => join(this.#path, file);
    try {
      chmodSync(this.#path, 0o700);
    } catch (cause) {
      throw fileProblem(this.#path, cause);
    }
    const deviceTokenKey = readSecretKey(path(FILES.deviceTokenKey));
    const jwtKey = readSecretKey(path(FILES.jwtKey));
    const authority = readAuthority({
      key: readSecret(path(FILES.authorityKey)),
      cert: readSecret(path(FILES.authorityCertificate)),
      keyPath: path(FILES.authorityKey),
      certPath: path(FILES.authorityCertificate),
    });
    const serverPath = path(FILES.server);
    const server = readServerPem(readSecret(serverPath), serverPath, authority);
    return { deviceTokenKey, jwtKey, authority, server: await this.#renewed(server, authority, serverPath) };
  }

  async #renewed(server: ServerIdentity, authority: Authority, path: string): Promise<ServerIdentity> {
    const now = this.#clock.now();
    const names = hostNames();
    const fresh = server.expiresAt - now > SERVER_CERTIFICATE_RENEW_MS && server.validFrom <= now;
    if (fresh && coversHost(server.subjectAltName, names)) return server;
    const made = await makeServerCertificate(authority, names, now);
    const pem = made.key + made.cert;
    writeSecret(path, pem);
    this.#logger.info(
      { path, reason: fresh ? 'host names changed' : 'near expiry' },
      'server certificate renewed',
    );
    return readServerPem(pem, path, authority);
  }
}
