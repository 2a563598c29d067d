import type { Signer } from 'countersign'
import { type Agent, createAgent } from 'countersign/agent'
import { createDelegate } from 'countersign/delegate'
import { draft11Agent, draft11Resource } from 'countersign/editions/draft-11'
import { createResource } from 'countersign/resource'
import { type AuthServerOptions, fixedKeys } from 'countersign-server'
import type { SignedEdition } from 'countersign-server/edition'
import { draft11Server } from 'countersign-server/editions/draft-11'
import { expect, onTestFinished, vi } from 'vitest'
import { ada, type ConnectedDevice, issuer, newSigner, openDevices, post } from '../../devices/device-stage.js'
import type { ScriptedUser } from '../../scripted-user.js'
import { scopes, type World, type WorldOptions } from '../../world.js'
import { openFollowing } from './person-stage.js'

export { ada, issuer }

/** The API that speaks draft -11. */
export const api = 'https://api11.example'

/** A world whose auth server serves devices in both editions, with the key of each agent provider. */
export interface DeviceWorld extends World {
  deviceSigner: Signer
  signer11: Signer
  others: readonly SignedEdition[]
}

/** Lets the server look for revocations to send every quarter of a second. */
export function hurry(): void {
  const startTicking = setInterval
  const stopTicking = clearInterval
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const ticking = startTicking(() => vi.advanceTimersByTime(200), 5)
  onTestFinished(() => {
    stopTicking(ticking)
    vi.useRealTimers()
  })
}

/** Opens such a world. */
export async function openDevices11(
  settings: Partial<NonNullable<AuthServerOptions['personalAgents']>> = {},
  options: WorldOptions = {},
): Promise<DeviceWorld> {
  const signer11 = await newSigner('device-key-11')
  const secret = new Uint8Array(32).fill(9)
  const keys = fixedKeys({ signer: await newSigner('person-key'), secret })
  const others = [draft11Server({ keys, deviceKeys: fixedKeys({ signer: signer11, secret }) })]
  const world = await openDevices(settings, { ...options, others })
  world.origins.set(api, await createApi(world))
  return { ...world, signer11, others }
}

async function createApi({ fetch, clock }: World): Promise<(request: Request) => Promise<Response>> {
  const resource = createResource({
    edition: draft11Resource,
    id: api,
    signer: await newSigner('api-key'),
    authServers: [issuer],
    scopes,
    fetch,
    now: () => clock.now,
  })
  const needs = {
    '/identity': { require: 'identity' },
    '/read': { require: 'authorization', scope: 'data.read' },
    '/delete': { require: 'authorization', scope: 'data.delete' },
  } as const
  return async (request) => {
    const { pathname } = new URL(request.url)
    const need = Object.entries(needs).find(([path]) => path === pathname)?.[1]
    if (!need) return resource.handler(request)
    try {
      return Response.json(await resource.verify(request, need))
    } catch (error) {
      return resource.toResponse(error)
    }
  }
}

/** Requests an agent token of draft -11, as a device does. */
export function renew11(world: World, signer: Signer) {
  return post(world, signer, '/person/delegates/token')
}

/** The draft -11 agent of a device, and the pages to which it wants to take its user. */
export interface DeviceAgent {
  agent: Agent
  pages: string[]
}

/** Creates the agent of a device. @param token the agent token, for an agent that gets no other */
export function agent11({ fetch, clock }: World, signer: Signer, token?: string): DeviceAgent {
  const now = () => clock.now
  const pages: string[] = []
  const delegate = createDelegate({ id: issuer, signer, tokenPath: '/person/delegates/token', fetch, now })
  const agent = createAgent({
    ...delegate,
    ...(token === undefined ? {} : { agentToken: async () => token }),
    edition: draft11Agent,
    authServers: [issuer],
    redirectUri: 'http://127.0.0.1:49152/callback',
    onConsent: ({ url }) => {
      pages.push(url)
    },
    fetch,
    now,
  })
  return { agent, pages }
}

/**
 * Lets a user decide on every page that the agent shows, until the request has a response.
 *
 * @param before called before each decision
 */
export async function allow11(
  { agent, pages }: DeviceAgent,
  { user }: Pick<ConnectedDevice, 'user'>,
  path = '/read',
  before?: () => Promise<void>,
): Promise<Response> {
  const known = pages.length
  const pending = agent.fetch(api + path)
  let isDone = false
  const done = () => {
    isDone = true
  }
  pending.then(done, done)
  for (let decided = known; !isDone; await turn()) {
    const url = pages[decided]
    if (url === undefined) continue
    decided += 1
    await before?.()
    await decide11(user, url)
  }
  return pending
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Sends a request that its user must allow, and resolves to the page. */
export async function pageOf({ agent, pages }: DeviceAgent): Promise<string> {
  const ending = new AbortController()
  onTestFinished(() => ending.abort())
  agent.fetch(`${api}/read`, { signal: ending.signal }).catch(() => undefined)
  await expect.poll(() => pages, { timeout: 30_000 }).toHaveLength(1)
  return pages[0] ?? ''
}

/** Decides on a page. */
export async function decide11(user: ScriptedUser, page: string, consent = 'grant'): Promise<Response> {
  const { url, response } = await openFollowing(user, page)
  return user.submit(await response.text(), url, { consent })
}
