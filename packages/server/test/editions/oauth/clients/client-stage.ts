import { randomBytes } from 'node:crypto'
import { createSigner, generatePrivateJwk } from 'countersign'
import type { Handler } from 'countersign/node'
import { receiveRequest } from 'countersign/signatures'
import { createAuthServer, fixedKeys, januaryServer } from 'countersign-server'
import { type OAuthOptions, oauthEdition } from 'countersign-server/editions/oauth'
import { sqliteStorage } from 'countersign-server/sqlite'
import { onTestFinished } from 'vitest'
import { people } from '../../../attacks/stage.js'
import { listenOnLoopback } from '../../../listening-origin.js'
import { quickHash } from '../../../quick-hash.js'
import { createScriptedUser } from '../../../scripted-user.js'
import { type ProtectedNotesOptions, protectNotes } from './protected-notes.js'

/** An auth server, a protected MCP server, and a user in a browser, for one MCP client. */
export interface ClientStage {
  issuer: string
  /** The URL of the MCP endpoint. */
  url: string
  /** Reaches the two servers, and the documents of clients. */
  fetch: typeof globalThis.fetch
  /** Documents of clients, by URL. */
  documents: Map<string, object>
  /** Whether clients have no document and register themselves. */
  registers: boolean
  /** Method, URL and status of each request, in order. */
  wire: string[]
  /** The queries of the authorization requests that the user has allowed. */
  prompts: URLSearchParams[]
  /** Opens an authorization request, signs in if necessary, and allows it. Returns the address to which the browser is then sent. */
  allow: (url: string | URL) => Promise<URL>
  /** Moves the clock of both servers. */
  pass: (seconds: number) => void
  /** Revokes everything in My agents. */
  removeAgents: () => Promise<void>
  /** Whether the auth server can issue access tokens. */
  signing: { works: boolean }
}

/**
 * Opens a stage over a map of origins.
 *
 * @param protect protects the MCP server. @default with `protectMcp`
 * @param registers whether clients have no document and register themselves
 */
export async function openClientStage(protect = protectNotes, registers = false): Promise<ClientStage> {
  const issuer = 'https://auth.example'
  const origin = 'https://notes.example'
  const documents = new Map<string, object>()
  const wire: string[] = []
  const origins = new Map<string, (request: Request) => Response | Promise<Response>>()
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init)
    const document = documents.get(request.url)
    const answer = origins.get(new URL(request.url).origin)
    if (!document && !answer) throw new TypeError(`no such origin: ${request.url}`)
    const response = document ? Response.json(document) : await answer?.(request)
    wire.push(`${request.method} ${request.url} ${response?.status}`)
    return response ?? Response.error()
  }
  const clock = openClock()
  const { server, signing } = await openAuthServer({ issuer, fetch, now: clock.now, registration: registers })
  origins.set(issuer, (request) => server.handler(request, receiveRequest(request, '192.0.2.1')))
  const notes = await protect({ origin, issuer, fetch, now: clock.now })
  origins.set(origin, notes.handler)
  const browser = openBrowser(fetch, issuer)
  return { issuer, url: notes.url, fetch, documents, registers, wire, ...browser, pass: clock.pass, signing }
}

/**
 * Opens a stage on ports of this machine, for clients that are processes. Their documents are the operator's: those at `https` URLs cannot
 * be served there.
 */
export async function openLoopbackClientStage(
  clients: readonly object[],
  server?: ProtectedNotesOptions['server'],
): Promise<ClientStage> {
  const [authPort, notesPort] = await Promise.all([listenOnLoopback(), listenOnLoopback()])
  onTestFinished(async () => void (await Promise.all([authPort.close(), notesPort.close()])))
  const issuer = authPort.origin
  const wire: string[] = []
  const recorded = (handler: Handler): Handler => {
    return async (request, received) => {
      const response = await handler(request, received)
      wire.push(`${request.method} ${request.url} ${response.status}`)
      return response
    }
  }
  const clock = openClock()
  const { server: authServer, signing } = await openAuthServer({
    issuer,
    now: clock.now,
    clients,
    allowInsecureLoopback: true,
  })
  authPort.serve(recorded((request, received) => authServer.handler(request, received)))
  const notes = await protectNotes({ origin: notesPort.origin, issuer, now: clock.now, ...(server && { server }) })
  notesPort.serve(recorded(notes.handler))
  const browser = openBrowser(fetch, issuer)
  const documents = new Map<string, object>()
  return { issuer, url: notes.url, fetch, documents, registers: false, wire, ...browser, pass: clock.pass, signing }
}

function openClock() {
  let time = 1_800_000_000
  const pass = (seconds: number) => {
    time += seconds
  }
  return { now: () => time, pass }
}

interface AuthServerAtHand {
  issuer: string
  fetch?: typeof globalThis.fetch
  now: () => number
  clients?: OAuthOptions['clients']
  registration?: OAuthOptions['registration']
  allowInsecureLoopback?: boolean
}

/** Opens an auth server with the OAuth edition and one user. */
async function openAuthServer({ issuer: id, clients, registration, ...options }: AuthServerAtHand) {
  const storage = sqliteStorage(':memory:', { now: options.now, sweepInterval: 0, usageDelay: 0 })
  const signer = await createSigner(await generatePrivateJwk({ kid: 'k1' }))
  const oauthSigner = await createSigner(await generatePrivateJwk({ kid: 'o1', algorithm: 'ecdsa-p256-sha256' }))
  const secret = randomBytes(32)
  const signing = { works: true }
  const working = fixedKeys({ signer: oauthSigner, secret })
  const signerOrError = () => {
    if (!signing.works) throw new Error('the key service is down')
    return working.signer()
  }
  const keys = { ...working, signer: signerOrError }
  const onError = (error: unknown) => {
    if (signing.works) throw error
  }
  const server = createAuthServer(
    {
      issuer: id,
      keys: fixedKeys({ signer, secret }),
      storage,
      onError,
      discovery: { failureTime: 'shortest' },
      ...options,
    },
    januaryServer,
    oauthEdition({ keys, clients, registration }),
  )
  onTestFinished(async () => {
    await server.close()
    await storage.close()
  })
  const { username, password } = people.alice
  await storage.createUser({ username, passwordHash: await quickHash(password) })
  return { server, signing }
}

/** The most pages between an authorization request and its redirect. */
const maxPages = 10

function openBrowser(fetch: typeof globalThis.fetch, server: string) {
  const user = createScriptedUser(fetch)
  const prompts: URLSearchParams[] = []

  async function answerPage(page: string, url: string): Promise<Response> {
    if (page.includes('value="login"')) return user.submit(page, url, { ...people.alice, action: 'login' })
    if (page.includes('name="consent"')) return user.submit(page, url, { consent: 'grant' })
    const shown = /data-(?:error-code|state)="[^"]*"/.exec(page)?.[0]
    throw new Error(`the page at ${url} has nothing to allow: ${shown}`)
  }

  return {
    prompts,
    async allow(requested: string | URL) {
      let url = String(requested)
      let response = await user.open(url)
      for (let page = 0; page < maxPages; page++) {
        const location = response.headers.get('location')
        if (location === null) {
          response = await answerPage(await response.text(), url)
          continue
        }
        const next = new URL(location, url)
        if (next.origin !== server) {
          prompts.push(new URL(requested).searchParams)
          return next
        }
        url = next.href
        response = await user.open(url)
      }
      throw new Error(`no redirect to the client after ${maxPages} pages`)
    },
    async removeAgents() {
      const url = `${server}/account/remove-all`
      const page = await (await user.open(url)).text()
      const { status } = await user.submit(page, url, { action: 'remove-all-agents' })
      if (status !== 303) throw new Error(`nothing was removed: status ${status}`)
    },
  }
}
