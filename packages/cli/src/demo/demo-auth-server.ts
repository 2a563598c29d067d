import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk } from 'countersign'
import { isLoopbackIdentifier } from 'countersign/discovery'
import { type AuthServer, type AuthServerOptions, createAuthServer, fixedKeys, StorageError } from 'countersign-server'
import { openStorage } from '../database/open-storage.js'
import { type Closers, type DemoWorld, demoDiscovery } from './demo-world.js'

interface DemoAuthServerOptions extends Pick<AuthServerOptions, 'fetch'> {
  /** How long a user has to decide, in seconds. @default 600 */
  requestTokenLifetime: number | undefined
  /** SQLite file. @default one in a temporary directory, removed on exit */
  database: string | undefined
}

/** Creates the demo's auth server, with its users. The functions that shut it down are added to `closers`. */
export async function createDemoAuthServer(
  { edition, ids, interop, isPeer, captured, users }: DemoWorld,
  { database, requestTokenLifetime, ...options }: DemoAuthServerOptions,
  closers: Closers,
): Promise<AuthServer> {
  const storage = await openStorage(database ?? join(await temporaryDirectory(closers), 'auth.db'))
  closers.add(() => storage.close())
  const keys = fixedKeys({
    signer: await createSigner(await generatePrivateJwk({ kid: 'auth-key-1' })),
    secret: randomBytes(32),
  })
  const deviceKeys = fixedKeys({
    signer: await createSigner(await generatePrivateJwk({ kid: 'device-key-1' })),
    secret: randomBytes(32),
  })
  const server = createAuthServer(
    {
      ...options,
      storage,
      issuer: ids['auth-server'],
      name: 'Countersign demo',
      keys,
      discovery: demoDiscovery,
      personalAgents: { keys: deviceKeys, remote: true },
      lifetimes: { authToken: captured ? 3600 : undefined, requestToken: requestTokenLifetime },
      // The recorded flow contains a refresh token. A grant that expires with its auth token would not get one.
      durations: captured ? [30 * 86_400, 'until-removed'] : undefined,
      allowInsecureLoopback: isLoopbackIdentifier(ids['auth-server']),
      interop: interop ? { redirectUrisOptional: isPeer, unsignedBodies: isPeer } : {},
    },
    await edition.loadServer(keys),
  )
  closers.add(() => server.close())
  await server.ready()
  for (const user of users) {
    try {
      await server.addUser(user)
    } catch (error) {
      // A database from an earlier demo already contains the user.
      if (!(error instanceof StorageError) || error.code !== 'username_taken') throw error
    }
  }
  return server
}

async function temporaryDirectory(closers: Closers): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-demo-'))
  closers.add(() => rm(directory, { recursive: true, force: true }))
  return directory
}
