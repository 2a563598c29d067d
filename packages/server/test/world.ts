import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { type Agent, type AgentOptions, createAgent } from 'countersign/agent'
import { createResource, type Resource, type ResourceOptions } from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import {
  type AuthServer,
  type AuthServerOptions,
  createAuthServer,
  fixedKeys,
  januaryServer,
  type Storage,
} from 'countersign-server'
import type { SignedEdition } from 'countersign-server/edition'
import { sqliteStorage } from 'countersign-server/sqlite'
import { Hono } from 'hono'
import { onTestFinished } from 'vitest'
import { quickHash } from './quick-hash.js'

/** The three identifiers of every test world. */
export const ids = {
  agent: 'https://agent.example',
  resource: 'https://api.example',
  authServer: 'https://auth.example',
} as const

export const scopes = {
  'data.read': 'See your data',
  'data.write': 'Create and change your data',
  'data.delete': 'Delete your data',
}

export interface World {
  /** Sends every request to the handler of its origin, without a port. */
  fetch: typeof globalThis.fetch
  agent: Agent
  agentSigner: Signer
  resource: Resource
  server: AuthServer
  storage: Storage
  clock: { now: number }
  /** Handlers by origin; replace one to break it. */
  origins: Map<string, (request: Request) => Promise<Response> | Response>
  /** The requests that were sent, in order. */
  sent: Request[]
}

export interface WorldOptions {
  agent?: Partial<AgentOptions>
  server?: Partial<AuthServerOptions>
  resource?: Partial<ResourceOptions>
  storage?: (clock: () => number) => Storage
  /** Editions that the auth server offers besides January 2026. */
  others?: readonly SignedEdition[]
  onConsent?: (world: World, url: string) => void | Promise<void>
}

/** Agent, resource and auth server over a map of origins: no ports, and identifiers stay `https`. */
export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const clock = { now: 1_800_000_000 }
  const now = () => clock.now
  const origins: World['origins'] = new Map()
  const sent: Request[] = []
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    sent.push(request.clone())
    const handler = origins.get(new URL(request.url).origin)
    if (!handler) throw new TypeError(`no such origin: ${request.url}`)
    return handler(request)
  }
  const agentSigner = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
  const storage = options.storage?.(now) ?? sqliteStorage(':memory:', { now, sweepInterval: 0, usageDelay: 0 })
  const serverOptions = {
    issuer: ids.authServer,
    keys: fixedKeys({
      signer: await createSigner(await generatePrivateJwk({ kid: 'auth-key-1' })),
      secret: new Uint8Array(32).fill(7),
    }),
    storage,
    lifetimes: { authToken: 3600 },
    fetch,
    now,
    ...options.server,
  }
  const server = createAuthServer(serverOptions, januaryServer, ...(options.others ?? []))
  // Their background work must not outlive the storage.
  if (options.others) onTestFinished(() => server.close())
  await storage.createUser({ username: 'testuser', passwordHash: await quickHash('testpass') })
  const resource = createResource({
    id: ids.resource,
    signer: await createSigner(await generatePrivateJwk({ kid: 'resource-key-1' })),
    authServer: ids.authServer,
    scopes,
    fetch,
    now,
    ...options.resource,
  })
  const world: World = {
    fetch,
    agentSigner,
    resource,
    server,
    storage,
    clock,
    origins,
    sent,
    agent: createAgent({
      id: ids.agent,
      signer: agentSigner,
      authServers: [ids.authServer],
      onePerson: true,
      onConsent: ({ url }) => options.onConsent?.(world, url),
      about: { name: 'Test Agent' },
      fetch,
      now,
      ...options.agent,
    }),
  }
  origins.set(ids.agent, (request) => world.agent.handler(request))
  origins.set(ids.authServer, (request) => server.handler(request))
  origins.set(ids.resource, protectedApi(resource))
  return world
}

/** The resource as an API with a few routes, one per level. */
export function protectedApi(resource: Resource): (request: Request) => Promise<Response> {
  const app = new Hono()
  app.get('/data', aauth(resource, { require: 'signature' }), (c) => c.json(c.var.aauth))
  app.get('/data-jwks', aauth(resource, { require: 'identity' }), (c) => c.json(c.var.aauth))
  app.on(
    ['GET', 'POST'],
    '/data-auth',
    aauth(resource, { require: 'authorization', scope: 'data.read data.write' }),
    (c) => c.json({ ...c.var.aauth, body: undefined }),
  )
  app.get('/read', aauth(resource, { require: 'authorization', scope: 'data.read' }), (c) => c.json(c.var.aauth.scope))
  app.delete('/data', aauth(resource, { require: 'authorization', scope: 'data.delete' }), (c) =>
    c.json(c.var.aauth.scope),
  )
  app.all('*', (c) => resource.handler(c.req.raw))
  return async (request) => app.fetch(request)
}
