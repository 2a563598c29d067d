import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSigner, generatePrivateJwk } from 'countersign'
import { type Agent, type AgentOptions, createAgent } from 'countersign/agent'
import type { Handler } from 'countersign/node'
import { createResource, type ResourceOptions, type VerifiedRequest } from 'countersign/resource'
import { isLoopbackIdentifier } from 'countersign/wire'
import { type AuthServer, type AuthServerOptions, createAuthServer, fixedKeys, StorageError } from 'countersign-server'
import { openStorage } from '../database/open-storage.js'
import {
  type Closers,
  type DemoWorld,
  demoDiscovery,
  demoPath,
  demoPerson,
  demoScope,
  demoScopes,
  isOnLoopback,
} from './demo-world.js'

/** The demo's agent, with a new key. */
export async function createDemoAgent(
  world: DemoWorld,
  options: Pick<AgentOptions, 'fetch' | 'fetchDocument' | 'onConsent' | 'consentTimeout'>,
): Promise<Agent> {
  const { ids, interop } = world
  const authServer = ids['auth-server']
  return createAgent({
    ...options,
    id: ids.agent,
    signer: await createSigner(await generatePrivateJwk({ kid: 'key-1' })),
    authServers: [authServer],
    onePerson: true,
    about: { name: 'Demo agent' },
    allowInsecureLoopback: isOnLoopback(world),
    interop: interop ? { signatureEncoding: 'base64url', nonce: 'never', stateOptional: [authServer] } : {},
  })
}

/** What each path needs. */
const needs = {
  '/data': { require: 'signature' },
  '/data-hwk': { require: 'signature' },
  '/data-jwks': { require: 'identity' },
  [demoPath]: { require: 'authorization', scope: demoScope },
} as const

/** Answers depend on who signed. */
const forNobodyElse = { 'cache-control': 'private, no-store', vary: 'Signature-Key' }

const levels = { signature: 'signed', identity: 'identified', authorization: 'authorized' } as const

/** The demo's protected API: a path or two for each level. */
export async function createDemoResource(world: DemoWorld, options: Pick<ResourceOptions, 'fetch'>): Promise<Handler> {
  const { ids, interop, isPeer } = world
  const resource = createResource({
    ...options,
    id: ids.resource,
    signer: await createSigner(await generatePrivateJwk({ kid: 'resource-key-1' })),
    authServer: ids['auth-server'],
    scopes: demoScopes,
    discovery: demoDiscovery,
    resourceTokenLifetime: 600,
    allowInsecureLoopback: isOnLoopback(world),
    interop: interop ? { unsignedBodies: isPeer } : {},
  })
  return async function demoResource(request, received) {
    const { pathname } = new URL(request.url)
    if (!isProtected(pathname) || !['GET', 'HEAD', 'POST'].includes(request.method)) return resource.handler(request)
    try {
      const verified = await resource.verify(received ?? request, needs[pathname])
      return Response.json(granted(verified, levels[needs[pathname].require]), { headers: forNobodyElse })
    } catch (error) {
      return resource.toResponse(error)
    }
  }
}

function isProtected(path: string): path is keyof typeof needs {
  return Object.hasOwn(needs, path)
}

function granted(verified: VerifiedRequest, level: string): object {
  const { scheme, tokenType, method, agent, delegate } = verified
  return {
    message: 'Access granted',
    data: `This is protected data (${level})`,
    scheme,
    token_type: tokenType ?? null,
    method,
    agent: agent ?? null,
    agent_delegate: delegate ?? null,
    scope: 'scope' in verified ? verified.scope.join(' ') : undefined,
  }
}

interface DemoAuthServerOptions extends Pick<AuthServerOptions, 'fetch'> {
  /** Seconds that a person has to decide. @default 600 */
  requestTokenLifetime: number | undefined
  /** SQLite file. @default one in a temporary directory, removed at the end */
  database: string | undefined
}

/** The demo's auth server, with its person; `closers` gets what ends it. */
export async function createDemoAuthServer(
  { ids, interop, isPeer }: DemoWorld,
  { database, requestTokenLifetime, ...options }: DemoAuthServerOptions,
  closers: Closers,
): Promise<AuthServer> {
  const storage = await openStorage(database ?? join(await temporaryDirectory(closers), 'auth.db'))
  closers.add(() => storage.close())
  const server = createAuthServer({
    ...options,
    storage,
    issuer: ids['auth-server'],
    name: 'Countersign demo',
    keys: fixedKeys({
      signer: await createSigner(await generatePrivateJwk({ kid: 'auth-key-1' })),
      secret: randomBytes(32),
    }),
    discovery: demoDiscovery,
    lifetimes: { authToken: 3600, requestToken: requestTokenLifetime },
    durations: [30 * 86_400, 'until-removed'],
    allowInsecureLoopback: isLoopbackIdentifier(ids['auth-server']),
    interop: interop ? { redirectUrisOptional: isPeer, unsignedBodies: isPeer } : {},
  })
  closers.add(() => server.close())
  await server.ready()
  try {
    await server.addUser(demoPerson)
  } catch (error) {
    // A file that an earlier demo left behind has the person already.
    if (!(error instanceof StorageError) || error.code !== 'username_taken') throw error
  }
  return server
}

async function temporaryDirectory(closers: Closers): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'countersign-demo-'))
  closers.add(() => rm(directory, { recursive: true, force: true }))
  return directory
}
