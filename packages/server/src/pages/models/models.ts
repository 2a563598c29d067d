import type { Duration, NamedPermission } from '../../policy/policy.js'
import type { Danger } from '../../policy/risk-order.js'

/** What a page shows; made by the routes from verified facts and stored rows, rendered without any further look-up. */
export interface PageFrame {
  /** The server's own name, in the header and the titles. */
  serverName: string
  /** Where the style sheet is served. */
  stylesheet: string
  /** Where the picture for the browser's tabs is served. */
  icon?: string | undefined
  /** The same for the home screens of phones, in pixels. */
  touchIcon?: string | undefined
  /** Where the script is served; absent: the page has none, and offers nothing that needs one. */
  script?: string | undefined
  footer?: PageFooter | undefined
  /** Whom people can ask; absent: nobody in particular. */
  contact?: Contact | undefined
}

export interface Contact {
  name: string
  href?: string | undefined
}

/** Links at the foot of a page, each shown where the server has something behind it. */
export interface PageFooter {
  help?: string | undefined
  /** Where an agent is reported; shown where a page is about one. */
  report?: string | undefined
  privacy?: string | undefined
  languages?: LanguageForm | undefined
}

/** The form that changes the language: posts `action=language`, `language`, `return_to` and `csrf`. */
export interface LanguageForm {
  action: string
  csrf: string
  /** The same-origin path to come back to. */
  returnTo: string
}

/** The fields the forms carry besides their own; those of a request are absent outside of one. */
export interface FormFields {
  action: string
  csrf: string
  /** What says which request it is, by name. */
  request?: Readonly<Record<string, string>> | undefined
  /** The agent's `state`, in the sign-in form only: the stored request keeps it from then on. */
  state?: string | undefined
  /** The same-origin path that comes next, for forms outside a request. */
  returnTo?: string | undefined
}

/** A passkey ceremony, which the script runs: its form posts `credential`, the browser's answer as JSON. */
export interface PasskeyForm {
  /** Where the fields of the form are posted for the ceremony's options, as the JSON of WebAuthn Level 3. */
  options: string
}

export interface SignInPage extends PageFrame {
  form: FormFields
  /** Host (and path, if it has one) of the agent that asks; absent outside a request. */
  agentHost?: string | undefined
  resourceHost?: string | undefined
  /** What was typed before, kept between attempts. */
  username?: string | undefined
  /** Somebody who is signed in, but not since just now: what signing in again is for. */
  again?: 'request' | 'security' | undefined
  problem?:
    | 'wrong_password'
    | 'throttled'
    | 'provider_failed'
    | 'provider_denied'
    | 'provider_expired'
    | 'provider_not_fresh'
    | 'account_disabled'
    | 'passkey_failed'
    | undefined
  /** Identity providers the person may sign in with instead. */
  providers?: readonly { name: string; href: string }[] | undefined
  passkey?: PasskeyForm | undefined
  signUpHref?: string | undefined
}

/** Fields `username`, `email` and `password`, with `action=sign-up`. */
export interface SignUpPage extends PageFrame {
  form: FormFields
  agentHost?: string | undefined
  resourceHost?: string | undefined
  username?: string | undefined
  email?: string | undefined
  /** Least number of characters. */
  passwordMinimum: number
  problem?:
    | 'username_taken'
    | 'username_looks_alike'
    | 'username_invalid'
    | 'username_mixed'
    | 'email_invalid'
    | 'password_too_short'
    | 'password_too_long'
    | 'password_common'
    | 'throttled'
    | undefined
  signInHref?: string | undefined
}

/** Field `password`, with `action=reauthenticate`. */
export interface ReauthenticationPage extends PageFrame {
  form: FormFields
  user: string
  problem?: 'wrong_password' | 'throttled' | 'passkey_failed' | undefined
  /** The passkey is asked for, and no password. */
  passkey?: PasskeyForm | undefined
  /** Where to go without it. */
  cancelHref?: string | undefined
}

export interface Permission extends NamedPermission {
  /** What the agent learns by it about the person now; null: the person gave none. */
  value?: string | null | undefined
  /** It is asked for in a way in which the agent learns nothing. */
  withheld?: boolean | undefined
  /** When it ends, in Unix seconds, where the others last longer. */
  until?: number | undefined
  /** Not part of what was allowed before: shown first, and marked. */
  isNew?: boolean | undefined
}

/** What is different since the agent was last seen here. */
export interface AgentChange {
  what: 'keys' | 'redirect_host' | 'name'
  /** What it was, for a host or a name. */
  before?: string | undefined
}

/** What about an agent's name, or host, could be taken for what it is not. */
export type NameCaution =
  | { what: 'brand'; brand: string }
  | { what: 'address'; address: string }
  | { what: 'imitation' }

/** Where a decision takes the person. */
export interface ConsentRedirect {
  uri: string
  /** Its `host/path`. */
  display: string
  /** It is at another host than the agent's. */
  elsewhere: boolean
  /** It is a program on the person's own device, which nothing ties to the agent. */
  loopback: boolean
}

export interface ConsentPage extends PageFrame {
  form: FormFields
  /** What the decision must name. */
  revision: number
  user: string
  agentHost: string
  /** What the agent calls itself, already stripped and cut at 60 characters; absent: it says nothing. */
  agentName?: string | undefined
  nameCaution?: NameCaution | undefined
  /** Verified whole identifiers, for the details. */
  agent: string
  delegate?: string | undefined
  agentJkt: string
  resource: string
  resourceHost: string
  /** Where the person goes next; absent: nowhere. */
  redirect?: ConsentRedirect | undefined
  /** Links of the agent, https on its own host only. */
  homepage?: string | undefined
  policyUri?: string | undefined
  tosUri?: string | undefined
  firstTime: boolean
  /** The agent's host has letters that look like others (an `xn--` label). */
  lookAlike: boolean
  able: Permission[]
  /** Allowed before and not asked for now: it stays allowed. */
  kept?: readonly Permission[] | undefined
  /** Offered by the resource, not asked for, and not usable otherwise. */
  notAsked: Permission[]
  /** Hosts of other resources that it can already use. */
  elsewhere: readonly string[]
  /** Whether it can sign the person in to itself already. */
  signsInAlready?: boolean | undefined
  /** Whether it can use nothing at other resources. */
  nothingElse: boolean
  /** Seconds that what the agent already holds stays usable. */
  tokenLifetime: number
  /** Unix seconds. */
  expiresAt: number
  /** The logo as this server serves it: a path of the same origin. Anything else is not shown. */
  logo?: string | undefined
  /** The agent publishes neither a name nor a page about itself. */
  saysNothing?: boolean | undefined
  /** When the person last allowed this agent, or this delegate of it, in Unix seconds. */
  allowedBefore?: number | undefined
  /** When they last allowed another delegate of it, or the agent itself, but never this one. */
  otherCopyAllowed?: number | undefined
  /** The person was shown another request of this agent before. */
  askedBefore?: boolean | undefined
  /** When it asked, in Unix seconds. */
  askedAt: number
  /** When the page is made, in Unix seconds. */
  now: number
  /** Four characters, which the program that asked can show too. */
  code: string
  changes?: readonly AgentChange[] | undefined
  /** How long the person may allow it for, shortest first. */
  durations: { choices: readonly Duration[]; preset: Duration }
  /** Where My agents is. */
  accountPath: string
  /** The request can be kept open longer. */
  extend?: { secondsLeft: number } | undefined
  /** What of what is asked for is dangerous: a caution above the buttons. */
  dangers?: readonly Danger[] | undefined
  /** The password is asked for again, in the field `password` of the decision. */
  askPassword?: boolean | undefined
  /** A passkey must prove who allows this: Allow posts `credential`. */
  passkey?: PasskeyForm | undefined
  /** What went wrong with the password or passkey. */
  problem?: 'wrong_password' | 'throttled' | 'passkey_failed' | undefined
}

/** A request that the operator's policy does not let the person allow. */
export interface PolicyForbidsPage extends PageFrame {
  form: FormFields
  revision: number
  user: string
  agentHost: string
  resourceHost: string
  /** `host/path` of where the person goes next. */
  next: string | undefined
}

/** Between a decision and an agent that is a program on the person's device. */
export interface ReturnToAppPage extends PageFrame {
  outcome: 'allowed' | 'denied'
  agentHost: string
  /** The address of the app, with the answer in it; a private-use scheme. Absent: the agent finds out by itself. */
  href?: string | undefined
}

export interface ProblemPage extends PageFrame {
  /** Also `data-error-code` on the page. */
  code:
    | 'request_unknown'
    | 'request_expired'
    | 'request_used'
    | 'request_allowed'
    | 'request_denied'
    | 'request_other_session'
    | 'redirect_mismatch'
    | 'csrf'
    | 'account_changed'
    | 'sign_in_changed'
    | 'bad_form'
    | 'not_found'
    | 'method_not_allowed'
    | 'policy_forbids'
    | 'too_many_requests'
    | 'temporarily_unavailable'
    | 'server_error'
  /** Host of the agent, where it is known and may be shown. */
  agentHost?: string | undefined
  /** Shown as a reference for the operator, where the page is of one request alone. */
  requestId?: string | undefined
  /** A same-origin link that tries again, where that helps. */
  retry?: string | undefined
  /** Who is signed in now, for `account_changed`. */
  user?: string | undefined
  /** Signs them out, and comes back to the same place, for `account_changed`. */
  switchAccount?: FormFields | undefined
  /** Where the person can take back what they allowed, for `request_allowed`. */
  remove?: string | undefined
}
