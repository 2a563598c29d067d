import type { Row } from '../sql/tables.js'
import type { User } from './user.js'

/**
 * Emails to users, until they have been sent. An email is sent at most once: an attempt is recorded before it starts, and is repeated only if
 * the mail server cannot have accepted the message.
 */
export interface EmailStorage {
  /**
   * Stores an email that is due at once. Who receives it is determined when it is claimed, so the cost does not depend on whether the account
   * exists (attacks C17).
   */
  queueEmail(email: NewEmail): Promise<void>
  /**
   * Claims emails that are due, for one attempt of at most `lease` seconds: first links and notices about the account, then up to
   * `agentLimit` notices of agents, each oldest first. An email without a recipient is deleted. One that was not settled within its lease is
   * not sent again: it may have been accepted. One that exceeds `perAddress` in an hour, or has been waiting for too long, is not sent. At
   * most two of these are about agents, at least two are left for notices about the account, and one for a link.
   */
  claimEmails(claim: EmailClaim): Promise<ClaimedEmail[]>
  /** Records the outcome of a claimed attempt. Returns false if the attempt is not the current one. */
  settleEmail(settlement: EmailSettlement): Promise<boolean>
  /**
   * Records that a user receives email at an address, and in which language. With `change`, it becomes the user's address instead of the
   * one in `change`, which is notified if it was confirmed. Returns false if the user is not active, has neither of these addresses, or has
   * changed since they entered the new one.
   */
  confirmEmail(confirmation: EmailConfirmation): Promise<boolean>
}

export interface EmailConfirmation {
  userId: string
  email: string
  /** @default the user already has the address that is confirmed */
  change?: AddressChange | undefined
  language: string
}

/** What a user had when they entered a new address. */
export interface AddressChange {
  /** The address that the new one replaces; null if none. */
  replaces: string | null
  /** So that the new address is not confirmed after the user has changed how they sign in, or ended a session. */
  credentialRevision: number
}

/** What an email is for: a link to set a new password, a link that confirms an address, or a change to who or what can act for the user. */
export type EmailKind = RequestedEmail | NoticeKind

/** An email that a user requests. */
export type RequestedEmail = 'reset' | 'confirm'

/** A notice of a change, which is queued in the transaction that records the change in the audit log. */
export type NoticeKind = Exclude<Row<'email'>['kind'], RequestedEmail>

/** What an email is about: the identifiers of the agent and the resource that a notice names, or the change that a link confirms. */
export interface EmailDetails {
  agent?: string | undefined
  resource?: string | undefined
  change?: AddressChange | undefined
}

export interface NewEmail {
  kind: RequestedEmail
  /** The username of the recipient, as entered; there may be no such user. */
  username: string
  /** The language of the message. */
  language: string
  /** The recipient. @default the user's address */
  address?: string | undefined
  about?: EmailDetails | undefined
}

/** Notices of what happens to agents, which users can turn off. They are sent after all other emails. */
export const agentNotices = ['agent_allowed', 'agent_blocked'] as const satisfies readonly NoticeKind[]

export function isAgentNotice(kind: EmailKind): boolean {
  return agentNotices.some((each) => each === kind)
}

export interface EmailClaim {
  limit: number
  /** The maximum number of {@link agentNotices} among these. @default `limit` */
  agentLimit?: number | undefined
  lease: number
  perAddress: number
}

export interface ClaimedEmail {
  id: string
  kind: EmailKind
  /** 1 for the first attempt. */
  attempt: number
  language: string
  user: User
  address: string
  about?: EmailDetails | undefined
}

/**
 * The outcome of an attempt. `retry`: the message was not accepted, and another attempt may succeed; `refused`: the mail server will not accept
 * it; `unknown`: the connection failed after the message had been sent.
 */
export type EmailOutcome = 'sent' | 'retry' | 'refused' | 'unknown'

export interface EmailSettlement extends Pick<ClaimedEmail, 'id' | 'attempt'> {
  outcome: EmailOutcome
  /** Why the message was not sent, for the audit log. */
  reason?: string | undefined
}

/** The seconds after each failed attempt until the next one, and after which an email is no longer sent. */
export const emailAttempts = { delays: [60, 300], lifetime: 3600 } as const
