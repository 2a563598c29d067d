import type { PageFrame, Permission } from './models.js'

/** What every page of somebody's own account has. All times are Unix seconds. */
export interface AccountFrame extends PageFrame {
  /** Where `account.css` is served, which these pages need besides `stylesheet`. */
  accountStylesheet: string
  user: string
  /** Posted by every form, to `accountPaths.actions`. */
  csrf: string
  /** Days are said without the year where it is the year of this. */
  now: number
}

/** What an agent may do for the person, from one decision. */
export interface AllowedAgent {
  id: string
  agentHost: string
  resourceHost: string
  /** What the agent calls itself, stripped and cut; absent: it says nothing. */
  agentName?: string | undefined
  /** A path of the same origin. */
  logo?: string | undefined
  delegate?: string | undefined
  /** The operator blocks it now: it gets nothing new. */
  blocked?: boolean | undefined
  able: readonly Permission[]
  since: number
  /** Absent: never. */
  lastUsed?: number | undefined
  /** Absent: when the person removes it. */
  ends?: number | undefined
}

/** My agents, at `accountPaths.agents`. */
export interface AgentsPage extends AccountFrame {
  agents: readonly AllowedAgent[]
  /** The field `filter`, and how many agents there are, each counted once; absent: the list is too short for one. */
  filter?: { text: string; total: number } | undefined
  /** What was just removed: nothing new since, and what was held before ends. */
  removed?: { stoppedAt: number; runsOutBy: number } | undefined
}

export interface AgentPage extends AccountFrame {
  agent: AllowedAgent & { identifier: string; resource: string; jkt?: string | undefined }
  /** Since when it may no longer act, and who saw to that; absent: it still may. */
  ended?: { at: number; by: 'person' | 'server' | 'time' } | undefined
  /** The latest of its activity, newest first. */
  activity: readonly Activity[]
}

/** Posts `action=remove-agent` and `agent`, its id. */
export interface RemoveAgentPage extends AccountFrame {
  agent: Pick<AllowedAgent, 'id' | 'agentHost' | 'delegate' | 'resourceHost'>
  /** Seconds that what the agent already holds stays usable. */
  tokenLifetime: number
}

/** Posts `action=remove-all-agents`. */
export interface RemoveAllPage extends AccountFrame {
  agents: readonly Pick<AllowedAgent, 'agentHost' | 'delegate' | 'resourceHost'>[]
  tokenLifetime: number
}

/** What happened to the account itself. */
export type AccountEvent =
  | 'signed_up'
  | 'signed_in'
  | 'sign_in_failed'
  | 'signed_out'
  | 'session_ended'
  | 'session_displaced'
  | 'signed_out_everywhere'
  | 'password_changed'
  | 'passkey_added'
  | 'passkey_removed'
  | 'passkey_removed_by_server'
  | 'downloaded'

/** What happened between the person and an agent. */
export type AgentEvent = 'allowed' | 'denied' | 'remembered' | 'used' | 'removed' | 'removed_by_server'

export type Activity = { at: number } & (
  | {
      what: AccountEvent
      /** Browser and system in words, where it is known. */
      device?: string | undefined
    }
  | { what: AgentEvent; agentHost: string; delegate?: string | undefined; resourceHost: string }
)

export interface ActivityPage extends AccountFrame {
  /** Newest first. */
  activity: readonly Activity[]
  newer?: string | undefined
  older?: string | undefined
}

export interface SessionEntry {
  id: string
  /** Browser and system in words; absent: unknown. */
  device?: string | undefined
  since: number
  lastSeen?: number | undefined
  /** The one that looks at the page. */
  current?: boolean | undefined
}

export interface PasskeyEntry {
  id: string
  name: string
  added: number
  lastUsed?: number | undefined
}

/**
 * Posts `action=end-session` and `session`, `action=sign-out-everywhere`, or `action=add-passkey`, `name` and
 * `credential`.
 */
export interface SecurityPage extends AccountFrame {
  /** The account has a password, which can be changed. */
  password?: boolean | undefined
  /** Absent: this server has no passkeys. */
  passkeys?: readonly PasskeyEntry[] | undefined
  /** The page that asks for the passkey, before another one may be added; absent: that was proved. */
  proveHref?: string | undefined
  sessions: readonly SessionEntry[]
  /** What was just done, or did not work. */
  notice?: 'password_changed' | 'passkey_added' | 'passkey_removed' | 'passkey_failed' | 'session_ended' | undefined
}

/** Posts `action=remove-passkey` and `passkey`, its id. */
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

export interface YoursPage extends AccountFrame {
  email?: string | undefined
  since: number
}

/** Posts `action=close-account` and, where there is one, `password`. */
export interface CloseAccountPage extends AccountFrame {
  /** How many agents lose their access. */
  agents: number
  tokenLifetime: number
  password?: boolean | undefined
  problem?: 'wrong_password' | 'throttled' | undefined
}

/** After the last page of an account. */
export interface SignedOutPage extends PageFrame {
  reason: 'signed_out' | 'signed_out_everywhere' | 'account_closed'
  signInHref: string
}
