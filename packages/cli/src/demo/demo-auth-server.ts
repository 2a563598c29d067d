import { randomBytes } from 'node:crypto'
import { createSigner, generatePrivateJwk } from 'countersign'
import { isLoopbackIdentifier } from 'countersign/wire'
import { type AuthServer, type AuthServerOptions, createAuthServer, fixedKeys, StorageError } from 'countersign-server'
import { type DemoWorld, demoDiscovery, demoPerson } from './demo-world.js'

/** The demo's auth server, with its person. */
export async function createDemoAuthServer(
  { ids, interop, isPeer }: DemoWorld,
  options: Pick<AuthServerOptions, 'storage' | 'fetch' | 'requestTokenLifetime'>,
): Promise<AuthServer> {
  const server = createAuthServer({
    ...options,
    issuer: ids['auth-server'],
    name: 'Countersign demo',
    keys: fixedKeys({
      signer: await createSigner(await generatePrivateJwk({ kid: 'auth-key-1' })),
      secret: randomBytes(32),
    }),
    discovery: demoDiscovery,
    authTokenLifetime: 3600,
    durations: [30 * 86_400, 'until-removed'],
    allowInsecureLoopback: isLoopbackIdentifier(ids['auth-server']),
    interop: interop ? { redirectUrisOptional: isPeer, unsignedBodies: isPeer } : {},
  })
  await server.ready()
  try {
    await server.addUser(demoPerson)
  } catch (error) {
    // A file that an earlier demo left behind has the person already.
    if (!(error instanceof StorageError) || error.code !== 'username_taken') throw error
  }
  return server
}
