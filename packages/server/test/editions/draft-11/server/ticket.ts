import { hashSecret, type MintedSecrets } from 'countersign-server/edition'
import { interactionCode } from './interaction-code.js'

/** The data of a pending request beyond what is stored for every request. */
export interface Asked {
  token: 'person' | 'auth'
  /** Expiry of the presented token, in Unix seconds. The issued token expires at the same time. */
  until: number
  /** The account that must decide. If undefined, any account may. */
  userId: string | undefined
}

/**
 * Creates the ticket, which names a pending request in the agent's URL. The ticket contains the data of the request, and the request is
 * found by a hash of the whole ticket: a modified ticket matches no request.
 */
export function createTicket({ token, until, userId = '' }: Asked, secrets: MintedSecrets): string {
  return [token, until, userId, secrets.random('aarq_')].join('.')
}

/** Parses a ticket. Returns undefined if it is invalid. */
export function readTicket(ticket: string): Asked | undefined {
  const [, token, until, userId] = /^(person|auth)\.(\d{1,12})\.([\w-]{0,64})\.aarq_[\w-]{43}$/.exec(ticket) ?? []
  if (token !== 'person' && token !== 'auth') return undefined
  return { token, until: Number(until), userId: userId === '' ? undefined : userId }
}

/** Returns the hash under which a request is stored. The browser has only the code; the agent has both the code and the ticket. */
export function ticketHash(ticket: string): string {
  return hashSecret(interactionCode(ticket))
}
