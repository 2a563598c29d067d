import { hashSecret, type MintedSecrets } from 'countersign-server/edition'
import { interactionCode } from './interaction-code.js'

/** What a pending request is for, besides what is stored of every request. */
export interface Asked {
  token: 'person' | 'auth'
  /** When the token ends that was shown, in Unix seconds: the one that is given ends with it. */
  until: number
  /** The account that must decide; undefined: any. */
  userId: string | undefined
}

/**
 * The name of a pending request in the agent's address for it. It says what it is for, and is found by a hash of all of it:
 * with anything changed it names nothing.
 */
export function createTicket({ token, until, userId = '' }: Asked, secrets: MintedSecrets): string {
  return [token, until, userId, secrets.random('aarq_')].join('.')
}

/** What a ticket says; undefined for what is none. */
export function readTicket(ticket: string): Asked | undefined {
  const [, token, until, userId] = /^(person|auth)\.(\d{1,12})\.([\w-]{0,64})\.aarq_[\w-]{43}$/.exec(ticket) ?? []
  if (token !== 'person' && token !== 'auth') return undefined
  return { token, until: Number(until), userId: userId === '' ? undefined : userId }
}

/** What a request is stored under. The browser has the code only, and the agent both. */
export function ticketHash(ticket: string): string {
  return hashSecret(interactionCode(ticket))
}
