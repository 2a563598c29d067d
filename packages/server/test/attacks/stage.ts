import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Handler } from 'countersign/node'
import { type NonceLimits, receiveRequest } from 'countersign/signatures'
import {
  type AuthServer,
  type AuthServerOptions,
  createAuthServer,
  fixedKeys,
  januaryServer,
  type Storage,
} from 'countersign-server'
import type { ServerEdition, SignedEdition } from 'countersign-server/edition'
import { sqliteStorage } from 'countersign-server/sqlite'
import { takeInTurn } from '../in-turn.js'
import { listenOnLoopback } from '../listening-origin.js'
import { quickHash } from '../quick-hash.js'
import { openTwoStorages } from '../storage/postgres/in-postgres.js'
import { scopes } from '../world.js'
import { createParty, newSigner, type Party } from './party.js'

/** An auth server with two agents and two resources, on which attacks are run. */
export interface Stage {
  readonly authServer: string
  readonly agent: Party
  readonly otherAgent: Party
  readonly resource: Party
  readonly otherResource: Party
  /** Reaches every origin and follows no redirects. Requests to the auth server go to its instances in turn. */
  readonly fetch: typeof globalThis.fetch
  readonly clock: { now: number }
  readonly storage: Storage
  /** The parties of a stage over a map of origins, which more parties can join. */
  readonly origins?: Map<string, (request: Request) => Promise<Response>>
  /** Codes, passwords, cookies and tokens used so far. No error response may contain one. */
  readonly secrets: Set<string>
  /** The database file, if there is one. */
  readonly file: string | undefined
  close(): Promise<void>
}

export interface StageOptions
  extends Pick<
    Partial<AuthServerOptions>,
    | 'name'
    | 'keys'
    | 'nonce'
    | 'bindCodeToKey'
    | 'durations'
    | 'risks'
    | 'limits'
    | 'policy'
    | 'accounts'
    | 'onError'
    | 'onEvent'
    | 'pages'
    | 'reEncodeLogo'
    | 'sendEmail'
  > {
  /** Wraps the storage that the servers use. @default the storage itself */
  wrap?: (storage: Storage) => Storage
  /** How users' passwords are hashed. @default a hash that takes almost no time */
  hashPassword?: (password: string) => Promise<string>
  /** Editions in addition to January, on a stage over a map of origins. @default none */
  others?: readonly (ServerEdition | SignedEdition)[]
}

export const people = {
  alice: { username: 'alice', password: 'alice-password-1' },
  bob: { username: 'bob', password: 'bob-password-1' },
} as const

const addressHeader = 'test-address'

/** Returns the fetch of a client at this address, on a stage over a map of origins. */
export function fetchFrom({ fetch }: Stage, address: string): typeof globalThis.fetch {
  return (input, init) => {
    const request = new Request(input, init)
    const headers = new Headers(request.headers)
    headers.set(addressHeader, address)
    return fetch(new Request(request, { headers }))
  }
}

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

/**
 * Opens one server over a map of origins, with in-memory storage.
 *
 * @param nonces how many nonces are stored
 */
export function openMapStage(options: StageOptions = {}, nonces: NonceLimits = {}): Promise<Stage> {
  return openMap(options, (now) => ({
    storages: [sqliteStorage(':memory:', { now, sweepInterval: 0, usageDelay: 0, limits: { nonces } })],
  }))
}

/** Opens two instances of one server over a map of origins, on one SQLite file. Identifiers stay `https`. */
export function openSharedStage(options: StageOptions = {}): Promise<Stage> {
  return openMap(options, inOneFile)
}

/** Like {@link openSharedStage}, but on one PostgreSQL database. */
export function openSharedPostgresStage(options: StageOptions = {}): Promise<Stage> {
  return openMap(options, inOnePostgres)
}

/** Like {@link openSharedStage}, but the instances are reached over HTTP on loopback, as behind a proxy that ends TLS. */
export function openProxiedStage(options: StageOptions = {}): Promise<Stage> {
  return openMap(options, inOneFile, overHttp)
}

/** Like {@link openProxiedStage}, but on one PostgreSQL database. */
export function openProxiedPostgresStage(options: StageOptions = {}): Promise<Stage> {
  return openMap(options, inOnePostgres, overHttp)
}

const asIs = (storage: Storage) => storage

/** The storages of the instances. */
interface Stored {
  storages: Storage[]
  file?: string
  remove?: () => void
}

type Store = (now: () => number) => Stored | Promise<Stored>

function inOneFile(now: () => number): Stored {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-attacks-'))
  const file = join(folder, 'auth.db')
  return {
    storages: [1, 2].map(() => sqliteStorage(file, { now, sweepInterval: 0, usageDelay: 0 })),
    file,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

async function inOnePostgres(now: () => number): Promise<Stored> {
  return { storages: await openTwoStorages(now) }
}

/** How the instances of a server receive requests, each in its turn. */
type Reach = (servers: readonly AuthServer[], issuer: string) => Promise<Reached>

interface Reached {
  handler: (request: Request) => Promise<Response>
  close: () => Promise<unknown>
}

const inProcess: Reach = async (servers) => {
  const next = takeInTurn(servers)
  return {
    async handler(request) {
      const address = request.headers.get(addressHeader) ?? '192.0.2.1'
      return next().handler(request, receiveRequest(request, address))
    },
    close: async () => undefined,
  }
}

const overHttp: Reach = async (servers, issuer) => {
  const ports = await Promise.all(servers.map(() => listenOnLoopback()))
  for (const [index, server] of servers.entries()) {
    const handler: Handler = (request, received) => server.handler(request, received)
    ports[index]?.serve(handler, issuer)
  }
  const next = takeInTurn(ports)
  return {
    handler: (request) => sendTo(next().origin, request),
    close: () => Promise.all(ports.map((port) => port.close())),
  }
}

/** Sends a request to another origin, and follows no redirects. */
async function sendTo(origin: string, request: Request): Promise<Response> {
  const body = request.body === null ? null : await request.arrayBuffer()
  const { method, headers } = request
  const { pathname, search } = new URL(request.url)
  return globalThis.fetch(origin + pathname + search, { method, headers, body, redirect: 'manual' })
}

async function openMap(
  { wrap = asIs, hashPassword = quickHash, others = [], ...options }: StageOptions,
  store: Store,
  reach: Reach = inProcess,
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
  const { storages, file, remove } = await store(now)
  const signer = await newSigner()
  const keys = fixedKeys({ signer, secret: serverSecret })
  const servers = storages.map((each) =>
    createAuthServer(
      {
        issuer: authServer,
        keys,
        storage: wrap(each),
        fetch,
        now,
        discovery: { failureTime: 'shortest' },
        ...options,
      },
      januaryServer,
      ...others,
    ),
  )
  const reached = await reach(servers, authServer)
  origins.set(authServer, reached.handler)
  const [storage] = storages
  if (!storage) throw new TypeError('expected a storage')
  const secrets = await addPeople(storage, hashPassword)
  const close = async () => {
    await reached.close()
    await Promise.all(servers.map((each) => each.close()))
    await Promise.all(storages.map((each) => each.close()))
    remove?.()
  }
  return { authServer, ...parties, fetch, origins, clock, storage, secrets, file, close }
}

/** Opens two instances of one server over HTTP on loopback, on one SQLite file. Every other party also has its own port. */
export function openHttpStage(options: StageOptions = {}): Promise<Stage> {
  return openHttp(options, inOneFile)
}

/** Like {@link openHttpStage}, but on one PostgreSQL database. */
export function openPostgresStage(options: StageOptions = {}): Promise<Stage> {
  return openHttp(options, inOnePostgres)
}

async function openHttp(
  { wrap = asIs, hashPassword = quickHash, ...options }: StageOptions,
  store: Store,
): Promise<Stage> {
  const clock = { now: 1_800_000_000 }
  const now = () => clock.now
  const ports = await Promise.all(Array.from({ length: 6 }, () => listenOnLoopback()))
  const [agentPort, otherPort, resourcePort, otherResourcePort, ...instances] = ports
  if (!agentPort || !otherPort || !resourcePort || !otherResourcePort || !instances[0])
    throw new TypeError('expected six ports')
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
  const signer = await newSigner()
  const { storages, file, remove } = await store(now)
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
  const nextInstance = takeInTurn(instances)
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    const { origin } = new URL(request.url)
    return sendTo(origin === authServer ? nextInstance().origin : origin, request)
  }
  const [storage] = storages
  if (!storage) throw new TypeError('expected two storages')
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
      remove?.()
    },
  }
}
