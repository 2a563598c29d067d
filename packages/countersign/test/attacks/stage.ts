import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { FetchDocument, ReceivedMessage, Signer } from 'countersign'
import type { CertificateFinder } from 'countersign/discovery'
import { createClientAddress, createNodeListener } from 'countersign/node'
import {
  createMemoryNonces,
  createResource,
  type Requirement,
  type Resource,
  type ResourceOptions,
  type VerifiedRequest,
  type VerifyRequestOptions,
} from 'countersign/resource'
import { aauth } from 'countersign/resource/hono'
import { type AuthServer, type AuthServerOptions, createAuthServer, fixedKeys, type Storage } from 'countersign-server'
import { sqliteStorage } from 'countersign-server/sqlite'
import { Hono } from 'hono'
import { agentDocuments, issuerDocuments } from '../origins.js'
import { receivedMessage } from '../received-message.js'
import type { Message } from './attack.js'
import { ids, signers } from './parties.js'
import { type Answer, exchange } from './raw-http.js'
import { exchangeFrames, framesOf } from './raw-http2.js'

/** A resource with two instances and an auth server among published documents, on which attacks are run. */
export interface Stage {
  clock: { now: number }
  /** The published documents, by URL; a function generates its own response. */
  documents: Map<string, object | (() => Response | Promise<Response>)>
  /** URLs that were fetched, in order. */
  asked: string[]
  /** The requests that were let through, by the verified path. */
  handled: string[]
  /** The number of tokens that the resource signed. */
  minted: () => number
  /** The wire, if there is one: sockets and a parser. */
  wire?: 'http' | 'http2'
  /** Values that were sent and that no response may contain. */
  sent: Message[]
  /** Sends one message; returns the response as the sender would see it. */
  send: (message: Message) => Promise<Answer>
  /** The number of the auth server's events that report a change; refusals report none. */
  changes: () => Promise<number>
  close: () => Promise<void>
}

export interface StageOptions
  extends Pick<
    Partial<ResourceOptions>,
    | 'algorithms'
    | 'nonce'
    | 'interop'
    | 'maxBody'
    | 'allowInsecureLoopback'
    | 'allowPath'
    | 'authorities'
    | 'discovery'
    | 'scopes'
  > {
  now?: number
  /** Fetches with the library's guarded fetch instead of from the stage's documents. */
  guardedFetch?: true
  /** Creates the certificate finder over the stage's documents. */
  certificates?: (fetch: FetchDocument, now: () => number) => CertificateFinder
}

/** The requirement of each path of the resource; any other path requires a signature. */
const levels: Readonly<Record<string, VerifyRequestOptions<Requirement>>> = {
  '/data': { require: 'signature' },
  '/admin': { require: 'signature' },
  '/api/x': { require: 'signature' },
  '/identity': { require: 'identity' },
  '/read': { require: 'authorization', scope: 'data.read' },
  '/write': { require: 'authorization', scope: 'data.write' },
}
/** The path at which the resource issues resource tokens on request. */
export const resourceTokenPath = '/resource/token'
const anySignature: VerifyRequestOptions<Requirement> = { require: 'signature' }

/** The agent's document and its keys, for rows that change them. */
export const agentDocument = `${ids.agent}/.well-known/aauth-agent`
export const agentKeys = `${ids.agent}/jwks.json`
export const agentMetadata = { agent: ids.agent, jwks_uri: agentKeys, redirect_uris: [`${ids.agent}/callback`] }

interface Parts {
  stage: Omit<Stage, 'send' | 'wire' | 'close'>
  resources: readonly [Resource, Resource]
  server: LateAuthServer
}

/** An auth server that is created when its first message arrives: most cases need none. */
interface LateAuthServer {
  handler: AuthServer['handler']
  changes: () => Promise<number>
  close: () => Promise<void>
}

function createLateAuthServer(options: Omit<AuthServerOptions, 'storage'>, now: () => number): LateAuthServer {
  let made: { server: AuthServer; storage: Storage } | undefined
  function make() {
    const storage = sqliteStorage(':memory:', { now, sweepInterval: 0 })
    return { server: createAuthServer({ ...options, storage, now }), storage }
  }
  return {
    handler(...sent) {
      made ??= make()
      return made.server.handler(...sent)
    },
    async changes() {
      const events = (await made?.storage.listEvents()) ?? []
      return events.filter(({ event }) => event !== 'agent.refused').length
    },
    async close() {
      await made?.server.close()
      await made?.storage.close()
    },
  }
}

function createParts(options: StageOptions): Parts {
  const { now: start = 1_800_000_000, guardedFetch, certificates, discovery: limits, ...resourceOptions } = options
  const discovery = { failureTime: 'shortest', ...limits } as const
  const clock = { now: start }
  const now = () => clock.now
  const asked: string[] = []
  const documents: Stage['documents'] = new Map(
    Object.entries({
      ...agentDocuments(ids.agent, [signers.agent.jwk]),
      [agentDocument]: agentMetadata,
      ...agentDocuments(ids.attacker, [signers.attacker.jwk]),
      ...issuerDocuments(ids.authServer, [signers.authServer.jwk]),
      ...resourceDocuments([signers.resource.jwk]),
    }),
  )
  const fetch: FetchDocument = async (url) => {
    asked.push(url)
    const document = documents.get(url)
    if (typeof document === 'function') return document()
    return document ? Response.json(document) : new Response('', { status: 404 })
  }
  let minted = 0
  const signer: Signer = {
    ...signers.resource,
    sign: (data) => {
      minted++
      return signers.resource.sign(data)
    },
  }
  const claimNonce = createMemoryNonces({ now })
  const createInstance = () =>
    createResource({
      id: ids.resource,
      signer,
      authServer: ids.authServer,
      claimNonce,
      now,
      discovery,
      ...(guardedFetch ? {} : { fetch }),
      ...(certificates ? { certificates: certificates(fetch, now) } : {}),
      ...resourceOptions,
    })
  const keys = fixedKeys({ signer: signers.authServer, secret: new Uint8Array(32).fill(7) })
  const server = createLateAuthServer({ issuer: ids.authServer, keys, fetch, discovery }, now)
  return {
    stage: { clock, documents, asked, handled: [], minted: () => minted, sent: [], changes: server.changes },
    resources: [createInstance(), createInstance()],
    server,
  }
}

function resourceDocuments(keys: readonly object[]): Record<string, object> {
  const { resource: id } = ids
  return {
    [`${id}/.well-known/aauth-resource`]: { resource: id, jwks_uri: `${id}/jwks.json` },
    [`${id}/jwks.json`]: { keys },
  }
}

/** The verifier alone: messages as received, no sockets. */
export async function openVerifierStage(options: StageOptions = {}): Promise<Stage> {
  const { stage, resources, server } = createParts(options)
  const verify = async (resource: Resource, message: ReceivedMessage): Promise<Response> => {
    const [path = ''] = message.rawTarget.split('?')
    try {
      return grant(stage.handled, await resource.verify(message, levels[path] ?? anySignature))
    } catch (error) {
      return resource.toResponse(error)
    }
  }
  return {
    ...stage,
    close: server.close,
    async send(message) {
      stage.sent.push(message)
      const received = { ...receivedMessage(message), remoteAddress: message.from ?? '127.0.0.1' }
      const resource = resources[message.instance ?? 0]
      const { to, target } = message
      if (to === 'token endpoint')
        return toAnswer(await server.handler(requestOf(message, ids.authServer + target), received))
      if (target === resourceTokenPath)
        return toAnswer(await resource.handler(requestOf(message, ids.resource + target), received))
      return toAnswer(await verify(resource, received))
    },
  }
}

function requestOf({ method, headers, body }: Message, url: string): Request {
  const lines = headers.map(([name, value]): [string, string] => [name, value])
  return new Request(url, { method, headers: lines, body: Buffer.from(body) })
}

const clientAddress = createClientAddress(['127.0.0.1'])

type Listener = ReturnType<typeof createNodeListener>

/** How messages reach the parties over a wire. */
interface Transport {
  wire: 'http' | 'http2'
  createServer: (listener: Listener) => Server
  exchange: (port: number, message: Message) => Promise<Answer>
}

const http: Transport = { wire: 'http', createServer: createHttpServer, exchange }

// Node's own limits for HTTP/2 are lower in fields and higher in bytes; ours should take effect.
const http2: Transport = {
  wire: 'http2',
  createServer: (listener) => createHttp2Server({ maxHeaderListPairs: 4000 }, listener),
  exchange: (port, message) => exchangeFrames(port, message.frames ?? framesOf(message)),
}

/** The same over HTTP/1.1 on loopback: two ports for the resource and one for the auth server, each opened on first use. */
export const openHttpStage = (options?: StageOptions): Promise<Stage> => openWireStage(http, options)

/** The same over HTTP/2. */
export const openHttp2Stage = (options?: StageOptions): Promise<Stage> => openWireStage(http2, options)

async function openWireStage({ wire, createServer, exchange }: Transport, options: StageOptions = {}): Promise<Stage> {
  const { stage, resources, server } = createParts(options)
  const listen = (listener: Listener) => listenOn(createServer(listener))
  const opened = new Map<Listener, ReturnType<typeof listenOn>>()
  const portOf = async (listener: Listener) => {
    const listening = opened.get(listener) ?? listen(listener)
    opened.set(listener, listening)
    return (await listening).port
  }
  const [first, second] = resources.map((resource) => listenerOf(resource, stage.handled)) as [Listener, Listener]
  const endpoint = createNodeListener((request, received) => server.handler(request, received), {
    origin: ids.authServer,
    clientAddress,
  })
  return {
    ...stage,
    wire,
    async close() {
      await Promise.all([...opened.values()].map(async (listening) => (await listening).close()))
      await server.close()
    },
    async send(message) {
      stage.sent.push(message)
      const instance = message.instance === 1 ? second : first
      return exchange(await portOf(message.to === 'token endpoint' ? endpoint : instance), message)
    },
  }
}

function listenerOf(resource: Resource, handled: string[]): Listener {
  const app = new Hono()
  for (const [path, required] of Object.entries(levels)) {
    app.all(path, aauth(resource, required), (c) => grant(handled, c.var.aauth))
  }
  const mounted = new Hono()
  mounted.all('*', aauth(resource, { ...anySignature, mountPath: '/mounted' }), (c) => grant(handled, c.var.aauth))
  app.mount('/mounted', mounted.fetch)
  app.all('*', aauth(resource, anySignature), (c) => grant(handled, c.var.aauth))
  return createNodeListener(
    async (request, received) => {
      if (received?.rawTarget === resourceTokenPath) return resource.handler(request, received)
      return app.fetch(request, received)
    },
    { origin: ids.resource, clientAddress },
  )
}

function grant(handled: string[], verified: VerifiedRequest): Response {
  handled.push(verified.path)
  return Response.json({ ...verified, body: undefined })
}

async function toAnswer(response: Response): Promise<Answer> {
  return { status: response.status, headers: response.headers, body: await response.text() }
}

async function listenOn(server: Server): Promise<{ port: number; close: () => Promise<void> }> {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of open) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** Signatures and tokens that were sent: no response may contain them. */
export function secretsOf({ sent }: Stage): string[] {
  return sent.flatMap(({ headers }) =>
    headers
      .filter(([name]) => /^(?:signature|signature-key|authorization)$/i.test(name))
      .flatMap(([, value]) => value.match(/[\w+/-]{40,}/g) ?? []),
  )
}
