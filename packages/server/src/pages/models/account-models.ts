import type { FormFields, PageFrame, Permission } from './models.js'

/** The members of every account page. All times are Unix seconds. */
export interface AccountFrame extends PageFrame {
  /** URL of `account.css`, which these pages need in addition to `stylesheet`. */
  accountStylesheet: string
  user: string
  /** Posted by every form, to `accountPaths.actions`. */
  csrf: string
  /** Dates in the same year as this time are shown without the year. */
  now: number
}

/** The access that the user allowed an agent in one decision. */
export interface AllowedAgent {
  id: string
  agentHost: string
  resourceHost: string
  /** The name that the agent gives itself, cleaned and truncated; absent if it does not give one. */
  agentName?: string | undefined
  /** A same-origin path. */
  logo?: string | undefined
  delegate?: string | undefined
  /** The user's account at the resource for which the agent has access; absent if the user allowed it without naming one. */
  account?: string | undefined
  /** What the operator currently blocks, so that the agent gets no new tokens: this agent, or everything from its host. */
  blocked?: 'agent' | 'host' | undefined
  /** Whether the agent signs nothing, so that its access works for anyone who copies it. */
  bearer?: boolean | undefined
  /** Whether the document of an OAuth client has changed since the user allowed it. */
  hasChanged?: boolean | undefined
  able: readonly Permission[]
  /** The only call that it may make, once; absent if it may make any. */
  call?: string | undefined
  /** How many other permissions it has. @default 0 */
  more?: number | undefined
  since: number
  /** Absent if never used. */
  lastUsed?: number | undefined
  /** Whether it has had access for a long time without using it. @default false */
  isUnused?: boolean | undefined
  /** Absent if valid until the user revokes it. */
  ends?: number | undefined
}

/** A device that acts for the user. */
export interface DeviceEntry {
  id: string
  /** As the device names itself, cleaned and truncated. */
  name: string
  since: number
  lastUsed: number
  /** The address of its last use; absent if unknown. */
  ip?: string | undefined
  /** Absent if it stays until the user disconnects it. */
  ends?: number | undefined
}

/** My agents, at `accountPaths.agents`. */
export interface AgentsPage extends AccountFrame {
  agents: readonly AllowedAgent[]
  /** The user's devices. @default none */
  devices?: readonly DeviceEntry[] | undefined
  /** The page with a code for a device; absent if codes are off. */
  deviceCodeHref?: string | undefined
  /** Paths of other pages of the list. Absent if there are none. */
  newer?: string | undefined
  older?: string | undefined
  /** The field `filter`, and the number of distinct agents; absent if the list is too short for a filter. */
  filter?: { text: string; total: number } | undefined
  /** Agents without access that still act for this user only, or whose resources were notified recently. @default none */
  ended?: readonly EndedAgent[] | undefined
  /**
   * What was just revoked: no new tokens are issued from now on, and existing ones expire. `isTold` if resources are notified, so that they
   * stop accepting these tokens earlier.
   */
  removed?: { stoppedAt: number; expiresBy: number; isTold?: boolean | undefined } | undefined
  /** What the user just decided about a device that sent a code: if they confirmed it, it will be connected within seconds. */
  confirmed?: { device: string; isAllowed: boolean } | undefined
}

/** An agent without access. */
export interface EndedAgent extends Pick<AllowedAgent, 'id' | 'agentHost' | 'delegate' | 'resourceHost' | 'account'> {
  told: AgentPage['told']
  /** Whether the agent acts for this user and no one else. */
  isBound: boolean
}

export interface AgentPage extends AccountFrame {
  agent: AllowedAgent & { identifier: string; resource: string; jkt?: string | undefined }
  /** When the agent's access ended, and who or what ended it; absent if it still has access. */
  ended?: { at: number; by: 'person' | 'server' | 'time' } | undefined
  /** Whether the resource was notified that the agent's tokens are revoked; absent if there were none. */
  told?: 'pending' | 'delivered' | 'unsupported' | 'failed' | 'expired' | undefined
  /** Whether the agent acts for this user and no one else. @default false */
  isBound?: boolean | undefined
  /** A permission was just removed. */
  removed?: AgentsPage['removed']
  /** The names of the permissions that the user can extend. @default none */
  extendable?: readonly string[] | undefined
  /** A permission was just extended. @default false */
  isExtended?: boolean | undefined
  /** The agent's most recent activity, newest first. */
  activity: readonly Activity[]
}

/** Posts `action=remove-agent` and `agent`, the agent's id. If it acts for this user only, also `action=unbind-agent`. */
export interface RemoveAgentPage extends AccountFrame {
  /** Whether the agent acts for this user and no one else, so that it can be removed entirely. @default false */
  isBound?: boolean | undefined
  /** Whether the agent has no access left here, so that it can only be removed entirely. @default false */
  isEnded?: boolean | undefined
  agent: Pick<AllowedAgent, 'id' | 'agentHost' | 'delegate' | 'resourceHost' | 'account'>
  /** How long tokens that the agent already holds stay usable, in seconds. */
  tokenLifetime: number
}

/** Posts `action=remove-all-agents`. */
export interface RemoveAllPage extends AccountFrame {
  agents: readonly Pick<AllowedAgent, 'agentHost' | 'delegate' | 'resourceHost' | 'account'>[]
  /** Whether there are more agents than these. */
  hasMore?: boolean | undefined
  tokenLifetime: number
}

/** An event of the account itself. */
export type AccountEvent =
  | 'signed_up'
  | 'signed_in'
  | 'sign_in_failed'
  | 'signed_out'
  | 'session_ended'
  | 'session_displaced'
  | 'signed_out_everywhere'
  | 'session_ended_by_server'
  | 'signed_out_others'
  | 'signed_out_by_server'
  | 'password_changed_by_server'
  | 'provider_added'
  | 'provider_removed'
  | 'edited'
  | 'edited_by_server'
  | 'email_confirmed'
  | 'link_created'
  | 'password_changed'
  | 'passkey_added'
  | 'passkey_removed'
  | 'passkey_removed_by_server'
  | 'factor_added'
  | 'factor_removed'
  | 'factor_removed_by_server'
  | 'recovery_codes_replaced'
  | 'recovery_code_used'
  | 'downloaded'

/** An event between the user and an agent. */
export type AgentEvent =
  | 'allowed'
  | 'allowed_once'
  | 'denied'
  | 'remembered'
  | 'used'
  | 'removed'
  | 'removed_by_server'
  | 'blocked_by_server'
  | 'permission_removed'
  | 'permission_extended'

export type Activity = { at: number } & (
  | {
      what: AccountEvent
      /** Browser and operating system in words, if known. */
      device?: string | undefined
    }
  | {
      what: AgentEvent
      /** The grant whose page shows the agent; absent if there is none. */
      grantId?: string | undefined
      agentHost: string
      delegate?: string | undefined
      resourceHost: string
      /** The call, for `allowed_once`, or the names of the permissions, for `permission_removed` and `permission_extended`. */
      detail?: string | undefined
    }
)

export interface ActivityPage extends AccountFrame {
  /** Newest first. */
  activity: readonly Activity[]
  newer?: string | undefined
  older?: string | undefined
}

export interface SessionEntry {
  id: string
  /** Browser and operating system in words; absent if unknown. */
  device?: string | undefined
  since: number
  lastSeen?: number | undefined
  /** The session that is viewing the page. */
  current?: boolean | undefined
}

export interface PasskeyEntry {
  id: string
  name: string
  added: number
  lastUsed?: number | undefined
}

/**
 * Posts `action=end-session` and `session`, `action=sign-out-everywhere`, `action=new-recovery-codes`, or
 * `action=add-passkey`, `name` and `credential`.
 */
export interface SecurityPage extends AccountFrame {
  /** Whether the account has a password, which can be changed. */
  password?: boolean | undefined
  /** Absent if this server does not support passkeys. */
  passkeys?: readonly PasskeyEntry[] | undefined
  /** The page that requests a passkey before another one can be added; absent if the user has already used a passkey. */
  proveHref?: string | undefined
  /** The second factor; null if the user has none, and absent if they have no password to go with it. */
  secondFactor?: { since: number; codesLeft: number } | null | undefined
  /** Whether the user must have a second factor, so that the page does not offer to turn it off. */
  mustHaveFactor?: boolean | undefined
  sessions: readonly SessionEntry[]
  /** What was just done, or what failed. */
  notice?:
    | 'password_changed'
    | 'passkey_added'
    | 'passkey_removed'
    | 'passkey_failed'
    | 'factor_removed'
    | 'session_ended'
    | 'others_ended'
    | undefined
}

/** Posts `action=remove-passkey` and `passkey`, the passkey's id. */
export interface RemovePasskeyPage extends AccountFrame {
  passkey: Pick<PasskeyEntry, 'id' | 'name'>
}

/** Posts `action=change-password`, `password` and `new_password`. */
export interface PasswordPage extends AccountFrame {
  passwordMinimum: number
  problem?:
    | 'wrong_password'
    | 'throttled'
    | 'new_password_too_short'
    | 'new_password_too_long'
    | 'new_password_common'
    | 'new_password_same'
    | undefined
}

/** The page shown after signing out or closing the account. */
export interface SignedOutPage extends PageFrame {
  reason: 'signed_out' | 'signed_out_everywhere' | 'account_closed' | 'password_set' | 'passkey_set' | 'email_confirmed'
  signInHref: string
}

/** Field `new_password`. */
export interface NewPasswordPage extends PageFrame {
  form: FormFields
  /** Identifies the link that was opened. */
  link: string
  /** Whether the link is for the user's first password or for a new one. */
  purpose: 'invite' | 'reset'
  user: string
  passwordMinimum: number
  /** Whether the user may add a passkey instead. */
  addsPasskey?: boolean | undefined
  problem?: 'new_password_too_short' | 'new_password_too_long' | 'new_password_common' | 'passkey_failed' | undefined
}

/** Field `username`. */
export interface ForgotPage extends PageFrame {
  form: FormFields
  problem?: 'throttled' | undefined
  /** The path to return to. */
  back: string
}

export interface LinkSentPage extends PageFrame {
  back: string
}

/** Field `token`. */
export interface ConfirmEmailPage extends PageFrame {
  form: FormFields
  token: string
  email: string
}
