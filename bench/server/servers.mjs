import { createSigner } from 'countersign'
import { createNodeListener } from 'countersign/node'
import { Hono } from 'hono'
import { createFloor } from './floor.mjs'
import { nameOf, people } from './operations.mjs'
import { openStorage } from './storages.mjs'
import { documentsOf, issuer, password } from './world.mjs'

/** The tested servers, by name. */
const tested = {
  /** The auth server, with limits raised that would otherwise reject this load from a single machine. */
  async server({ keys, place, isFirst }) {
    const { createAuthServer, fixedKeys, januaryServer } = await import('countersign-server')
    const { oauthEdition } = await import('countersign-server/editions/oauth')
    const storage = await openStorage(place)
    const keysOf = async (jwk) => fixedKeys({ signer: await createSigner(jwk), secret: new Uint8Array(32).fill(7) })
    const server = createAuthServer(
      {
        issuer,
        storage,
        keys: await keysOf(keys.authServer),
        fetch: documentsOf(keys),
        limits: { rateFactor: 1_000_000, openRequests: 10_000, sessions: 10_000 },
      },
      januaryServer,
      oauthEdition({ keys: await keysOf(keys.oauth) }),
    )
    await server.ready()
    for (let person = 0; isFirst && person < people; person++)
      await server.addUser({ username: nameOf(person), password })
    return {
      listener: createNodeListener((...message) => server.handler(...message), { origin: issuer }),
      async close() {
        await server.close()
        await storage.close()
      },
    }
  },
  floor: async ({ keys }) => ({ listener: await createFloor(keys) }),
  /** A hono route that returns a document. */
  async hono() {
    const document = { issuer, jwks_uri: `${issuer}/jwks.json`, padding: 'x'.repeat(500) }
    const headers = { 'cache-control': 'public, max-age=300' }
    const app = new Hono()
    for (const path of ['/.well-known/aauth-issuer', '/jwks.json']) app.get(path, (c) => c.json(document, 200, headers))
    return { listener: createNodeListener(app.fetch, { origin: issuer }) }
  },
}

export function startTested({ name, ...settings }) {
  return tested[name](settings)
}
