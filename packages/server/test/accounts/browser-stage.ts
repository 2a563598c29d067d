import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createNodeListener } from 'countersign/node'
import { createAuthServer, fixedKeys } from 'countersign-server'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { type Asked, type OpenRequest, openRequest } from '../attacks/flow.js'
import { createParty, identityOf, type Party } from '../attacks/party.js'
import { people, type Stage } from '../attacks/stage.js'
import { takeInTurn } from '../in-turn.js'
import { listenOnLoopback } from '../listening-origin.js'
import { openTwoStorages } from '../storage/postgres/in-postgres.js'
import { scopes } from '../world.js'

export interface BrowserStage extends Stage {
  /** Has an agent send a consent request; returns the URL that the user opens. */
  ask(asked?: Asked, by?: Stage['agent']): Promise<OpenRequest>
}

/**
 * Two instances of an auth server named `localhost`, so that passkeys work, which respond in turn, with two agents and a resource on ports.
 */
export async function openBrowserStage(): Promise<BrowserStage> {
  const [agentPort, otherPort, resourcePort, otherResourcePort] = [
    await listenOnLoopback(),
    await listenOnLoopback(),
    await listenOnLoopback(),
    await listenOnLoopback(),
  ]
  const callbacks = (origin: string) => [`${origin}/callback`]
  const agent = await createParty('agent', agentPort.origin, {
    name: 'Calendar Helper',
    redirect_uris: callbacks(agentPort.origin),
  })
  const otherAgent = await createParty('agent', otherPort.origin, {
    name: 'Other Agent',
    redirect_uris: callbacks(otherPort.origin),
  })
  const resource = await createParty('resource', resourcePort.origin, {
    supported_scopes: Object.keys(scopes),
    scope_descriptions: scopes,
  })
  const otherResource = await createParty('resource', otherResourcePort.origin, {})
  agentPort.serve(withCallback(agent))
  otherPort.serve(withCallback(otherAgent))
  resourcePort.serve(resource.handler)
  otherResourcePort.serve(otherResource.handler)
  let ahead = 0
  const seconds = () => Math.floor(Date.now() / 1000)
  const clock = {
    get now() {
      return seconds() + ahead
    },
    set now(to: number) {
      ahead = to - seconds()
    },
  }
  const now = () => clock.now
  const storages = await openTwoStorages(now)
  const [storage] = storages
  if (!storage) throw new TypeError('there are two storages')
  const listener = createServer()
  await new Promise<void>((resolve) => listener.listen(0, 'localhost', resolve))
  const authServer = `http://localhost:${(listener.address() as AddressInfo).port}`
  const keys = fixedKeys({
    signer: await createSigner(await generatePrivateJwk()),
    secret: new Uint8Array(32).fill(7),
  })
  const instances = storages.map((each) =>
    createAuthServer({
      issuer: authServer,
      name: 'Home',
      keys,
      storage: each,
      now,
      accounts: { signUp: true },
      allowInsecureLoopback: true,
    }),
  )
  const next = takeInTurn(instances)
  listener.on(
    'request',
    createNodeListener((request, received) => next().handler(request, received), { origin: authServer }),
  )
  for (const person of Object.values(people)) await next().addUser(person)
  const stage: Stage = {
    authServer,
    agent,
    otherAgent,
    resource,
    otherResource,
    fetch: globalThis.fetch,
    clock,
    storage,
    secrets: new Set(),
    file: undefined,
    async close() {
      listener.closeAllConnections()
      await new Promise<void>((resolve) => listener.close(() => resolve()))
      await Promise.all([agentPort, otherPort, resourcePort, otherResourcePort].map((port) => port.close()))
      await Promise.all(instances.map((each) => each.close()))
      await Promise.all(storages.map((each) => each.close()))
    },
  }
  return { ...stage, clock, ask: (asked = {}, by = agent) => openRequest(stage, identityOf(by), asked) }
}

/** Responds at the redirect URL. Chromium shows the page only if it has a body. */
function withCallback({ handler }: Party): Party['handler'] {
  return async (request) =>
    new URL(request.url).pathname === '/callback' ? new Response('Back at the agent') : handler(request)
}

/** Opens a separate browser for one test. */
export async function newPage(browser: Browser, options: BrowserContextOptions = {}): Promise<Page> {
  const context: BrowserContext = await browser.newContext({ viewport: { width: 800, height: 900 }, ...options })
  context.setDefaultTimeout(10_000)
  onTestFinished(() => context.close())
  return context.newPage()
}

export const stateOf = (page: Page) => page.locator('main').getAttribute('data-state')

/** Types a username and a password into the sign-in page that is shown. */
export async function typeIn(page: Page, { username, password }: { username: string; password: string }) {
  await page.locator('input[name=username]').fill(username)
  await page.locator('input[name=password]').fill(password)
  await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')])
}

/** Time after which a click on Allow counts, in milliseconds (attacks C12). */
export const guard = 600
