import { createSigner, generatePrivateJwk } from 'countersign'
import { AgentError, createAgent } from 'countersign/agent'
import { draft11Agent, draft11AgentWithBaseCoverage, draft11ResourceWith } from 'countersign/editions/draft-11'
import { createSessions } from 'countersign/editions/draft-11/sessions'
import { createResource } from 'countersign/resource'
import { receiveRequest } from 'countersign/signatures'
import { createAuthServer, fixedKeys, januaryServer } from 'countersign-server'
import { draft11Server } from 'countersign-server/editions/draft-11'
import { sqliteStorage } from 'countersign-server/sqlite'
import { onTestFinished } from 'vitest'
import { people } from '../../../attacks/stage.js'
import { quickHash } from '../../../quick-hash.js'
import { createScriptedUser } from '../../../scripted-user.js'
import type { PeerNetwork } from './peer-network.js'
import type { PeerOutcome } from './peer-programs.js'

const newSigner = async (kid: string) => createSigner(await generatePrivateJwk({ kid }))

export interface AgentSettings {
  id: string
  personServer: string
  /** Receives the page that the user must open. */
  onPage: (url: string) => void
  isInterop: boolean
}

/** Our agent, which sends a request and reports what it led to. */
export async function startOurAgent(
  { fetch, origins }: PeerNetwork,
  { id, personServer, onPage, isInterop }: AgentSettings,
): Promise<(url: string, init?: RequestInit) => Promise<PeerOutcome>> {
  const agent = createAgent({
    edition: isInterop ? draft11AgentWithBaseCoverage : draft11Agent,
    id,
    signer: await newSigner('agent-1'),
    authServers: [personServer],
    onePerson: true,
    onConsent: ({ url }) => onPage(url),
    fetch,
  })
  origins.set(id, (request) => agent.handler(request))
  return async (url, init) => {
    try {
      const { status } = await agent.fetch(url, init)
      return { status }
    } catch (error) {
      if (!(error instanceof AgentError)) throw error
      return { error: error.error ?? error.code }
    }
  }
}

const levels = {
  '/identity': { require: 'identity' },
  '/person': { require: 'user' },
  '/data': { require: 'authorization', scope: 'data.read' },
} as const

/** Our resource: the path of a request is the level that it requires. Its page lets each agent in that is brought to it. */
export async function startOurResource(
  { fetch, origins }: PeerNetwork,
  id: string,
  personServer: string,
  isInterop: boolean,
): Promise<void> {
  const sessions = createSessions({ page: `${id}/connect` })
  const resource = createResource({
    edition: draft11ResourceWith({ coverage: isInterop ? 'base' : 'full', sessions }),
    id,
    signer: await newSigner('resource-1'),
    authServers: [personServer],
    scopes: { 'data.read': 'Read your data' },
    fetch,
  })
  const serve = sessions.around(resource, () => Response.json({}))
  origins.set(id, async (request) => {
    const received = receiveRequest(request)
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/connect') {
      const code = searchParams.get('code') ?? ''
      await sessions.open(code, 'alice')
      return Response.json({ isDecided: (await sessions.decide(code, 'alice', 'allow')) !== undefined })
    }
    if (pathname === '/session' || pathname.startsWith('/aauth/pending/')) return serve(request, received)
    const level = levels[pathname as keyof typeof levels]
    if (!level) return resource.handler(request, received)
    try {
      await resource.verify(received, level)
      return Response.json({})
    } catch (error) {
      return resource.toResponse(error)
    }
  })
}

/** Our person server, with a user. Returns the user, who allows what a page asks. */
export async function startOurPersonServer(
  { fetch, origins }: PeerNetwork,
  id: string,
  isInterop: boolean,
): Promise<(page: string) => Promise<void>> {
  const storage = sqliteStorage(':memory:', { sweepInterval: 0, usageDelay: 0 })
  const secret = new Uint8Array(32).fill(7)
  const keysOf = async (kid: string) => fixedKeys({ signer: await newSigner(kid), secret })
  const server = createAuthServer(
    { issuer: id, keys: await keysOf('january-1'), storage, fetch },
    januaryServer,
    draft11Server({ keys: await keysOf('person-1'), capabilitiesOptional: isInterop }),
  )
  onTestFinished(async () => {
    await server.close()
    await storage.close()
  })
  const { username, password } = people.alice
  await storage.createUser({ username, passwordHash: await quickHash(password) })
  origins.set(id, (request) => server.handler(request, receiveRequest(request, '192.0.2.1')))
  const user = createScriptedUser(fetch)

  return async function allow(page) {
    let url = page
    let response = await user.open(url)
    for (let left = 10; left > 0 && new URL(url).origin === id; left--) {
      const location = response.headers.get('location')
      if (location !== null) {
        url = new URL(location, url).href
        response = await user.open(url)
        continue
      }
      const html = await response.text()
      if (html.includes('value="login"')) response = await user.submit(html, url, { ...people.alice, action: 'login' })
      else if (html.includes('name="consent"')) response = await user.submit(html, url, { consent: 'grant' })
      else return
    }
  }
}
