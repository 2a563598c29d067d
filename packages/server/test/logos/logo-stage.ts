import { EventEmitter, once } from 'node:events'
import { createSigner, generatePrivateJwk } from 'countersign'
import { type Agent, createAgent } from 'countersign/agent'
import { createResource } from 'countersign/resource'
import { type AuthServer, type AuthServerOptions, createAuthServer, fixedKeys, type Storage } from 'countersign-server'
import { reEncodeLogo } from 'countersign-server/logos'
import { sqliteStorage } from 'countersign-server/sqlite'
import { expect, onTestFinished, vi } from 'vitest'
import { type ListeningOrigin, listenOnLoopback } from '../listening-origin.js'
import { quickHash } from '../quick-hash.js'
import { createScriptedUser, signInToAccount } from '../scripted-user.js'
import { protectedApi, scopes } from '../world.js'

export interface LogoStage {
  issuer: string
  agent: string
  server: AuthServer
  storage: Storage
  clock: { now: number }
  /** The results of the logo fetches, in order: an id, or null if there is nothing to show. */
  kept: (string | null)[]
  /** Paths requested from the agent’s origin, other than its documents, in order. */
  asked: string[]
  /** Internal errors that the auth server reported. */
  failures: unknown[]
  /** The content of the agent’s document, and the responses of its origin elsewhere; tests may change both. */
  agentSays: { logoUri: string | undefined; answer: () => Response | Promise<Response> }
  /** The consent URL of a new request. */
  request(): Promise<string>
  /** The page that the signed-in user sees there. */
  open(url: string): Promise<string>
  account(path?: string): Promise<string>
  post(page: string, url: string, fields: Record<string, string>): Promise<Response>
}

export const picture = (bytes: Uint8Array<ArrayBuffer>, type = 'image/png') =>
  new Response(bytes, { headers: { 'content-type': type } })

/** Agent, resource and auth server on their own ports, with an agent that names a logo. */
export async function openLogoStage(
  says: Partial<LogoStage['agentSays']>,
  options: Partial<AuthServerOptions> & { makeStorage?: (now: () => number) => Storage } = {},
): Promise<LogoStage> {
  const { makeStorage = (now) => sqliteStorage(':memory:', { now, sweepInterval: 0 }), ...serverOptions } = options
  const [agentAt, resourceAt, authAt] = await Promise.all([listenOnLoopback(), listenOnLoopback(), listenOnLoopback()])
  const clock = { now: Math.floor(Date.now() / 1000) }
  const now = () => clock.now
  const kept: LogoStage['kept'] = []
  const storage = recorded(makeStorage(now), kept)
  const failures: unknown[] = []
  const server = createAuthServer({
    issuer: authAt.origin,
    keys: fixedKeys({
      signer: await createSigner(await generatePrivateJwk()),
      secret: crypto.getRandomValues(new Uint8Array(32)),
    }),
    storage,
    now,
    name: 'Home',
    reEncodeLogo,
    allowInsecureLoopback: true,
    onError: (error) => failures.push(error),
    ...serverOptions,
  })
  await storage.createUser({ username: 'alice', passwordHash: await quickHash('correct horse') })
  const agentSays = { logoUri: `${agentAt.origin}/logo`, answer: () => new Response(null, { status: 404 }), ...says }
  const asked: string[] = []
  const consents = new EventEmitter()
  const signer = await createSigner(await generatePrivateJwk())
  // A user without pending consent requests.
  const newCaller = () =>
    createAgent({
      id: agentAt.origin,
      signer,
      authServers: [authAt.origin],
      onConsent: ({ url }) => void consents.emit('url', url),
      about: { name: 'Logo agent' },
      allowInsecureLoopback: true,
      now,
    })
  agentAt.serve(answerAsAgent(newCaller(), agentSays, asked))
  const api = createResource({
    id: resourceAt.origin,
    signer: await createSigner(await generatePrivateJwk()),
    authServer: authAt.origin,
    scopes,
    allowInsecureLoopback: true,
    now,
  })
  resourceAt.serve(protectedApi(api))
  authAt.serve((request, received) => server.handler(request, received))
  const person = createScriptedUser(globalThis.fetch)
  let signedInAt = Number.NEGATIVE_INFINITY
  async function signIn(): Promise<void> {
    if (clock.now - signedInAt < 3600) return
    signedInAt = clock.now
    await signInToAccount(person, authAt.origin, { username: 'alice', password: 'correct horse' })
  }
  endWithTest([agentAt, resourceAt, authAt], server, storage)
  return {
    issuer: authAt.origin,
    agent: agentAt.origin,
    server,
    storage,
    clock,
    kept,
    asked,
    failures,
    agentSays,
    async request() {
      const abort = new AbortController()
      onTestFinished(() => abort.abort())
      const consent = once(consents, 'url')
      newCaller()
        .fetch(`${resourceAt.origin}/data-auth`, { signal: abort.signal })
        .catch(() => undefined)
      const [url] = await consent
      return String(url)
    },
    async open(url) {
      await signIn()
      return (await person.open(url)).text()
    },
    async account(path = '') {
      await signIn()
      return (await person.open(`${authAt.origin}/account${path}`)).text()
    },
    post: (page, url, fields) => person.submit(page, url, fields),
  }
}

function answerAsAgent(
  agent: Agent,
  says: LogoStage['agentSays'],
  asked: string[],
): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname } = new URL(request.url)
    if (pathname === '/.well-known/aauth-agent') {
      const document = (await (await agent.handler(request)).json()) as object
      return Response.json({ ...document, logo_uri: says.logoUri }, { headers: { 'cache-control': 'max-age=60' } })
    }
    if (pathname === '/jwks.json') return agent.handler(request)
    asked.push(pathname)
    return says.answer()
  }
}

function recorded(storage: Storage, kept: LogoStage['kept']): Storage {
  return {
    ...storage,
    async keepLogo(fetched) {
      const outcome = await storage.keepLogo(fetched)
      kept.push(fetched.logo?.id ?? null)
      return outcome
    },
  }
}

function endWithTest(origins: readonly ListeningOrigin[], server: AuthServer, storage: Storage): void {
  onTestFinished(async () => {
    await Promise.all(origins.map((origin) => origin.close()))
    await server.close()
    await storage.close()
  })
}

/** The path of the logo on a page, or undefined if a letter is shown for the agent. */
export function logoOn(page: string): string | undefined {
  const [tag, src] = /<img class="logo" src="([^"]*)" alt width="48" height="48"\/>/.exec(page) ?? []
  expect(page.match(/<img (?!class="brand")/g) ?? []).toHaveLength(tag === undefined ? 0 : 1)
  // The agent's tile is the first; the resource's always has a letter.
  expect(/ class="(logo|initial)"/.exec(page)?.[1] === 'logo').toBe(tag !== undefined)
  return src
}

/** Waits until this many logo fetches have finished. */
export async function fetchesEnd({ kept }: LogoStage, count = 1): Promise<void> {
  await vi.waitFor(() => expect(kept).toHaveLength(count), { timeout: 100_000, interval: 20 })
}
