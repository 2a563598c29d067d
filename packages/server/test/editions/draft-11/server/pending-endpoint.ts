import { setTimeout } from 'node:timers/promises'
import { AAuthError } from 'countersign'
import {
  type AuthRequest,
  type Endpoint,
  type SignedContext,
  type SigningAgent,
  signedRequest,
} from 'countersign-server/edition'
import { deliverToken } from './deliver-token.js'
import { pendingResponse } from './pending-response.js'
import { type Asked, readTicket, ticketHash } from './ticket.js'

const limits = { held: 20, heldAtOnce: 1000, lookEvery: 100 }

/**
 * `GET /person/pending/{ticket}`: returns the outcome of a request to the agent and key that made it. For anyone else, the request does not
 * exist.
 */
export function createPendingEndpoint(context: SignedContext): Endpoint {
  let held = 0

  /** Checks repeatedly until someone has decided, or the time that the agent prefers to wait has elapsed. */
  async function hold(ticket: string, stored: AuthRequest, wait: number): Promise<AuthRequest> {
    if (held >= limits.heldAtOnce) return stored
    held++
    try {
      const until = performance.now() + wait * 1000
      let latest = stored
      while (latest.status === 'open' && performance.now() < until) {
        await setTimeout(limits.lookEvery)
        latest = (await context.storage.findAuthRequest(ticketHash(ticket))) ?? latest
      }
      return latest
    } finally {
      held--
    }
  }

  return (arrival) =>
    signedRequest(context, arrival, async (agent) => {
      const { id: ticket } = arrival
      const { asked, stored } = await requireOwn(context, agent, ticket)
      const wait = preferredWait(arrival.request)
      return async () => {
        const latest = await hold(ticket, stored, wait)
        if (latest.status === 'allowed') return deliverToken(context, agent, { request: latest, asked })
        if (latest.status !== 'open') throw ending(latest.status)
        return pendingResponse(context, ticket, {
          retryAfter: wait > 0 ? 0 : 5,
          needs: latest.browserHash === null ? 'interaction' : 'patience',
        })
      }
    })
}

async function requireOwn(
  { storage }: SignedContext,
  { agent, delegate, key }: SigningAgent,
  ticket: string,
): Promise<{ asked: Asked; stored: AuthRequest }> {
  const asked = readTicket(ticket)
  const stored = asked && (await storage.findAuthRequest(ticketHash(ticket)))
  const isOwn = stored?.agent === agent && stored.delegate === delegate && stored.agentJkt === key.thumbprint
  if (asked && stored && isOwn) return { asked, stored }
  throw new AAuthError('not_found', 'No such request was made by this agent and key.')
}

function ending(status: Exclude<AuthRequest['status'], 'open' | 'allowed'>): AAuthError {
  if (status === 'denied') return new AAuthError('consent_denied', 'The user denied the request.')
  if (status === 'expired') return new AAuthError('consent_expired', 'No one decided in time.')
  return new AAuthError('consent_ended', `The request has ended: ${status}.`)
}

function preferredWait(request: Request): number {
  const [, said] = /(?:^|[,;]\s*)wait=(\d{1,4})(?:$|[,;\s])/.exec(request.headers.get('prefer') ?? '') ?? []
  return Math.min(Number(said ?? 0), limits.held)
}
