import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Handler } from 'countersign/node'
import { receiveRequest } from 'countersign/wire'
import { type AuthServerOptions, createAuthServer, fixedKeys, type Storage } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { listenOnLoopback } from '../listening-origin.js'
import { quickHash } from '../quick-hash.js'
import { scopes } from '../world.js'
import { createParty, newSigner, type Party } from './party.js'

/** An auth server among two agents and a resource, for attacks to be played on. */
export interface Stage {
  readonly authServer: string
  readonly agent: Party
  readonly otherAgent: Party
  readonly resource: Party
  readonly otherResource: Party
  /** Reaches every origin and follows nothing. Requests to the auth server go to its instances in turn. */
  readonly fetch: typeof globalThis.fetch
  readonly clock: { now: number }
  readonly storage: Storage
  /** Codes, passwords, cookies and tokens that came up: no refusal may show one. */
  readonly secrets: Set<string>
  /** The database file, where there is one. */
  readonly file: string | undefined
  close(): Promise<void>
}

export interface StageOptions
  extends Pick<
    Partial<AuthServerOptions>,
    | 'nonce'
    | 'bindCodeToKey'
    | 'durations'
    | 'risks'
    | 'limits'
    | 'policy'
    | 'accounts'
    | 'onError'
    | 'onEvent'
    | 'reEncodeLogo'
  > {
  /** What the servers get for a storage. @default the storage itself */
  wrap?: (storage: Storage) => Storage
  /** How the passwords of people are hashed. @default so that they are checked in no time */
  hashPassword?: (password: string) => Promise<string>
}

export const people = {
  alice: { username: 'alice', password: 'alice-password-1' },
  bob: { username: 'bob', password: 'bob-password-1' },
} as const

const serverSecret = new Uint8Array(32).fill(7)

async function createParties(ids: Readonly<Record<'agent' | 'otherAgent' | 'resource' | 'otherResource', string>>) {
  const [agent, otherAgent, resource, otherResource] = await Promise.all([
    createParty('agent', ids.agent, { name: 'First Agent', redirect_uris: [`${ids.agent}/callback`] }),
    createParty('agent', ids.otherAgent, { name: 'Other Agent', redirect_uris: [`${ids.otherAgent}/callback`] }),
    createParty('resource', ids.resource, { supported_scopes: Object.keys(scopes), scope_descriptions: scopes }),
    createParty('resource', ids.otherResource, {}),
  ])
  return { agent, otherAgent, resource, otherResource }
}

async function addPeople(storage: Storage, hashPassword: (password: string) => Promise<string>): Promise<Set<string>> {
  for (const { username, password } of Object.values(people))
    await storage.createUser({ username, passwordHash: await hashPassword(password) })
  return new Set(Object.values(people).map(({ password }) => password))
}

/** One server over a map of origins, with storage in memory. */
export function openMapStage(options: StageOptions = {}): Promise<Stage> {
  return openMap(options, (now) => ({
    storages: [sqliteStorage(':memory:', { now, sweepInterval: 0 })],
    file: undefined,
  }))
}

/** Two instances of one server over a map of origins, on one SQLite file: identifiers stay `https`. */
export async function openSharedStage(options: StageOptions = {}): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-attacks-'))
  const file = join(folder, 'auth.db')
  const stage = await openMap(options, (now) => ({
    storages: [1, 2].map(() => sqliteStorage(file, { now, sweepInterval: 0 })),
    file,
  }))
  return {
    ...stage,
    async close() {
      await stage.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const asIs = (storage: Storage) => storage

interface Stored {
  storages: Storage[]
  file: string | undefined
}

async function openMap(
  { wrap = asIs, hashPassword = quickHash, ...options }: StageOptions,
  store: (now: () => number) => Stored,
): Promise<Stage> {
  const clock = { now: 1_800_000_000 }
  const now = () => clock.now
  const authServer = 'https://auth.example'
  const parties = await createParties({
    agent: 'https://agent.example',
    otherAgent: 'https://other-agent.example',
    resource: 'https://api.example',
    otherResource: 'https://mail.example',
  })
  const origins = new Map(
    Object.values(parties).map((party): [string, (request: Request) => Promise<Response>] => [party.id, party.handler]),
  )
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    const handler = origins.get(new URL(request.url).origin)
    if (!handler) throw new TypeError(`no such origin: ${request.url}`)
    return handler(request)
  }
  const { storages, file } = store(now)
  const signer = await newSigner()
  const keys = fixedKeys({ signer, secret: serverSecret })
  const servers = storages.map((each) =>
    createAuthServer({
      issuer: authServer,
      keys,
      storage: wrap(each),
      fetch,
      now,
      discovery: { failureTime: 'shortest' },
      ...options,
    }),
  )
  let turn = 0
  origins.set(authServer, async (request) => {
    const server = servers[turn++ % servers.length]
    return server?.handler(request, receiveRequest(request, '192.0.2.1')) ?? Response.error()
  })
  const [storage] = storages
  if (!storage) throw new TypeError('there is a storage')
  const secrets = await addPeople(storage, hashPassword)
  const close = async () => {
    await Promise.all(servers.map((each) => each.close()))
    await Promise.all(storages.map((each) => each.close()))
  }
  return { authServer, ...parties, fetch, clock, storage, secrets, file, close }
}

/** Two instances of one server over HTTP on loopback, on one SQLite file; everybody else has a port too. */
export async function openHttpStage({
  wrap = asIs,
  hashPassword = quickHash,
  ...options
}: StageOptions = {}): Promise<Stage> {
  const clock = { now: 1_800_000_000 }
  const now = () => clock.now
  const ports = await Promise.all(Array.from({ length: 6 }, () => listenOnLoopback()))
  const [agentPort, otherPort, resourcePort, otherResourcePort, ...instances] = ports
  if (!agentPort || !otherPort || !resourcePort || !otherResourcePort || !instances[0])
    throw new TypeError('there are six ports')
  const parties = await createParties({
    agent: agentPort.origin,
    otherAgent: otherPort.origin,
    resource: resourcePort.origin,
    otherResource: otherResourcePort.origin,
  })
  agentPort.serve(parties.agent.handler)
  otherPort.serve(parties.otherAgent.handler)
  resourcePort.serve(parties.resource.handler)
  otherResourcePort.serve(parties.otherResource.handler)
  const authServer = instances[0].origin
  const folder = mkdtempSync(join(tmpdir(), 'countersign-attacks-'))
  const file = join(folder, 'auth.db')
  const signer = await newSigner()
  const storages = instances.map(() => sqliteStorage(file, { now, sweepInterval: 0 }))
  const servers = storages.map((storage) =>
    createAuthServer({
      issuer: authServer,
      keys: fixedKeys({ signer, secret: serverSecret }),
      storage: wrap(storage),
      now,
      allowInsecureLoopback: true,
      discovery: { failureTime: 'shortest' },
      ...options,
    }),
  )
  for (const [index, server] of servers.entries()) {
    const handler: Handler = (request, received) => server.handler(request, received)
    instances[index]?.serve(handler, authServer)
  }
  let turn = 0
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    const { origin } = new URL(request.url)
    const instance = origin === authServer ? instances[turn++ % instances.length] : undefined
    const body = request.body === null ? null : await request.arrayBuffer()
    return globalThis.fetch((instance?.origin ?? origin) + request.url.slice(origin.length), {
      method: request.method,
      headers: request.headers,
      body,
      redirect: 'manual',
    })
  }
  const [storage] = storages
  if (!storage) throw new TypeError('there are two storages')
  const secrets = await addPeople(storage, hashPassword)
  return {
    authServer,
    ...parties,
    fetch,
    clock,
    storage,
    secrets,
    file,
    async close() {
      await Promise.all(ports.map((port) => port.close()))
      await Promise.all(servers.map((server) => server.close()))
      await Promise.all(storages.map((opened) => opened.close()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
