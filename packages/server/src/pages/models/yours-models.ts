import type { AccountFrame } from './account-models.js'

/** A provider with which the user signs in. */
export interface LinkedProvider {
  id: string
  name: string
  since: number
}

/** Posts `action=remove-provider` and `identity`, the id of the user's identity there. */
export interface RemoveProviderPage extends AccountFrame {
  provider: LinkedProvider
}

/**
 * Posts `action=change-name`, `name` and `before`, the name that is shown; or `action=agent-emails` and `emails`, `on` or `off`.
 */
export interface YoursPage extends AccountFrame {
  /** Empty if there is none. */
  name: string
  email?: string | undefined
  /** Whether the user has confirmed the address; absent if the server sends no emails. */
  emailState?: 'confirmed' | 'unconfirmed' | undefined
  /** Whether the user is notified of new agents by email; absent if the server cannot send any. */
  agentEmails?: boolean | undefined
  /** An email with which the user can confirm the address was just requested. */
  emailRequested?: boolean | undefined
  /** @default none */
  providers?: readonly LinkedProvider[] | undefined
  /** A provider was just removed, or was not, because the user could then no longer sign in. */
  providerNotice?: 'provider_removed' | 'provider_only_way' | undefined
  since: number
}

/** Posts `action=change-email`, `email` and `before`, the address that is shown. */
export interface ChangeEmailPage extends AccountFrame {
  /** Empty if there is none. */
  email: string
  /** What the user entered, which is no address. */
  entered?: string | undefined
  /** Whether the new address must be confirmed before it replaces the old one. */
  mustConfirm: boolean
}

/** Posts `action=close-account` and, if the account has one, `password`. */
export interface CloseAccountPage extends AccountFrame {
  /** Number of agents that will lose their access. */
  agents: number
  tokenLifetime: number
  password?: boolean | undefined
  problem?: 'wrong_password' | 'throttled' | undefined
}
