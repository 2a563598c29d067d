import { AAuthError } from '../../../index.js'
import { draft11Documents, serializeRequirement } from '../../../low-level-exports/draft-11.js'
import type { TestGrant } from '../../test-grants.js'
import { decide } from '../../test-person.js'
import { deliver, type PersonContext, requireAgent, type SigningAgent, type Wanted } from './signing-agent.js'

/** Time that a user has to decide, in seconds. */
const patience = 600

/** The longest time for which a poll is held, in seconds of the system clock. */
const longestHold = 20

/** A request that waits for its user. */
interface Pending {
  agent: SigningAgent
  wanted: Wanted
  code: string
  expiresAt: number
  decision: TestGrant | 'denied' | undefined
  /** Whether the agent has learned the outcome, or no longer wants it. */
  isOver: boolean
  /** The polls that are held until the user has decided. */
  waiting: Set<() => void>
}

/** The requests that wait for a decision. */
export interface Consents {
  /** Responds with a token if the user has already allowed it; otherwise, the user must decide. */
  grantOrAsk(agent: SigningAgent, wanted: Wanted, capabilities: unknown): Promise<Response>
  poll(request: Request): Promise<Response>
  /** The page on which the browser's user decides, at once. */
  interact(request: Request): Promise<Response>
}

/** Creates the requests that wait for a decision. @param paths where agents poll, and where users decide */
export function createConsents(context: PersonContext, paths: { pending: string; interact: string }): Consents {
  const { issuer, grants, clock, bound, now, accountOf } = context
  const all = new Map<string, Pending>()

  function deferral(location: string, { code }: Pending): Response {
    const requirement = serializeRequirement({ requirement: 'interaction', url: issuer + paths.interact, code })
    const headers = { location, 'retry-after': '0', 'cache-control': 'no-store', 'aauth-requirement': requirement }
    return Response.json({ status: 'pending' }, { status: 202, headers })
  }

  return {
    async grantOrAsk(agent, wanted, capabilities) {
      const { agent: name, delegate } = agent
      const sub = bound.get(delegate)
      const grant = sub === undefined ? undefined : grants.find({ ...wanted, agent: name, sub })
      if (grant) return deliver(context, agent, wanted, grant)
      if (!(Array.isArray(capabilities) && capabilities.includes('interaction')))
        throw new AAuthError('consent_required', 'A user must decide.', { error: 'user_unreachable' })
      const location = `${issuer}${paths.pending}${crypto.randomUUID()}`
      const code = crypto.randomUUID().replaceAll('-', '').slice(0, 12).toUpperCase()
      const state = { decision: undefined, isOver: false, waiting: new Set<() => void>() }
      const created: Pending = { agent, wanted, code, expiresAt: now() + patience, ...state }
      all.set(location, created)
      return deferral(location, created)
    },
    async poll(request) {
      const { agent } = await requireAgent(context, request)
      const found = all.get(request.url)
      if (found?.agent.delegate !== agent.delegate || found.agent.thumbprint !== agent.thumbprint)
        throw new AAuthError('not_found', 'There is no such request.')
      if (found.isOver) throw new AAuthError('consent_ended', 'The request is over.')
      if (request.method === 'GET' && !found.decision) await hold(found, request)
      const { decision, expiresAt, wanted } = found
      if (request.method === 'GET' && !decision && expiresAt > now()) return deferral(request.url, found)
      found.isOver = true
      if (request.method === 'DELETE') return new Response(null, { status: 204 })
      if (!decision) throw new AAuthError('consent_expired', 'The user did not decide in time.')
      if (decision === 'denied') throw new AAuthError('consent_denied', 'The user did not allow this.')
      if (decision.isRevoked) throw new AAuthError('grant_ended', 'The user revoked the access.')
      return deliver(context, agent, wanted, decision)
    },
    async interact(request) {
      const account = accountOf(request.headers.get('cookie') ?? '')
      if (!account)
        return new Response('No one is signed in: open this page as a person from the test world.\n', { status: 401 })
      const { searchParams } = new URL(request.url)
      const isOpen = ({ code, decision, isOver }: Pending) =>
        code === searchParams.get('code') && decision === undefined && !isOver
      const found = [...all.values()].find(isOpen)
      if (!found) throw new AAuthError('consent_ended', 'There is no pending request with this code.')
      const { agent, expiresAt } = found
      const { resource, scope } = found.wanted
      const { sub } = account.person
      if ((bound.get(agent.delegate) ?? sub) !== sub)
        throw new AAuthError('policy_denied', 'The agent acts for another user.')
      const allowed = decide(account, { agent: agent.agent, resource, scope }, clock)
      if (expiresAt <= now()) throw new AAuthError('consent_expired', 'The user decided too late.')
      found.decision = 'denied'
      if (allowed !== undefined) {
        found.decision = grants.add({ agent: agent.agent, resource, scope: allowed, sub })
        bound.set(agent.delegate, sub)
      }
      for (const resume of found.waiting) resume()
      const back = await returnOf(context, agent, searchParams.get('callback'))
      if (!back) return new Response('Return to your agent.\n')
      if (allowed === undefined) back.searchParams.set('error', 'access_denied')
      return new Response(null, { status: 303, headers: { location: back.href } })
    },
  }
}

/** The page of the agent to return to, if the agent's document names it (draft -11 §11.8). */
async function returnOf(
  { discovery }: PersonContext,
  { agent }: SigningAgent,
  callback: string | null,
): Promise<URL | undefined> {
  if (callback === null || !URL.canParse(callback)) return undefined
  const outcome = await discovery.findMetadata(draft11Documents.agent, agent)
  const listed = 'found' in outcome ? outcome.found.callback_endpoint : undefined
  const url = new URL(callback)
  return url.origin + url.pathname === listed ? url : undefined
}

/** Waits for a decision, as long as the agent prefers (RFC 7240 §4.3). */
async function hold({ waiting }: Pending, { headers, signal }: Request): Promise<void> {
  const wait = Number(/(?:^|[,;\s])wait=(\d+)/.exec(headers.get('prefer') ?? '')?.[1] ?? 0)
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, Math.min(wait, longestHold) * 1000)
    waiting.add(() => {
      clearTimeout(timer)
      resolve()
    })
    signal.addEventListener('abort', () => resolve())
  })
}
