import type { Danger } from 'countersign/editions'
import type { Extent, NamedPermission } from '../../lib/policy.js'
import type { RequestBlocks, ShownCall } from './request-blocks.js'

/** The content of a page, built from verified facts and stored rows. */
export interface PageFrame {
  /** The server's own name, in the header and the titles. */
  serverName: string
  /** The host that identifies the server, shown under its name. */
  issuerHost?: string | undefined
  /** URL of the server's logo, in the header. */
  serverLogo?: string | undefined
  stylesheet: string
  /** URL of the style sheet with the operator's colors. */
  brandStylesheet?: string | undefined
  /** URL of the favicon. */
  icon?: string | undefined
  /** URL of the home-screen icon for phones, as a bitmap. */
  touchIcon?: string | undefined
  /** URL of the script; absent if the page has none and offers nothing that needs one. */
  script?: string | undefined
  footer?: PageFooter | undefined
  /** The contact for users; absent if the operator has not set one. */
  contact?: Contact | undefined
  /** Where users who forgot their password request a link; absent if the server sends no emails. */
  forgotHref?: string | undefined
}

export interface Contact {
  name: string
  href?: string | undefined
}

/** Footer links, each shown if the server has something to link to. */
export interface PageFooter {
  help?: string | undefined
  /** URL for reporting an agent; shown on pages about an agent. */
  report?: string | undefined
  privacy?: string | undefined
  languages?: LanguageForm | undefined
}

/** The form that changes the language: posts `action=language`, `language`, `return_to` and `csrf`. */
export interface LanguageForm {
  action: string
  csrf: string
  /** The same-origin path to return to. */
  returnTo: string
}

/** The fields that forms contain in addition to their own. Those that identify a request are absent outside a request. */
export interface FormFields {
  action: string
  csrf: string
  /** The fields that identify the request, by name. */
  request?: Readonly<Record<string, string>> | undefined
  /** The permissions that the consent page leaves out, as a scope. */
  leftOut?: string | undefined
  /** The agent's `state`, in the sign-in form only; after that, it is stored with the request. */
  state?: string | undefined
  /** The same-origin path to continue to, for forms outside a request. */
  returnTo?: string | undefined
}

/** A passkey ceremony, which the script runs. Its form posts `credential`, the browser's response as JSON. */
export interface PasskeyForm {
  /** URL to which the form's fields are posted to get the ceremony's options, as JSON in the WebAuthn Level 3 format. */
  options: string
}

export interface SignInPage extends PageFrame {
  form: FormFields
  /** Host (and path, if it has one) of the requesting agent; absent outside a request. */
  agentHost?: string | undefined
  resourceHost?: string | undefined
  /** Whether only a link names the agent and the resource, so that the page must not state them as facts. */
  unverified?: boolean | undefined
  /** The previous input, kept between attempts. */
  username?: string | undefined
  /** Why a signed-in user must sign in again: their last sign-in was not recent. */
  again?: 'request' | 'login' | 'security' | undefined
  problem?:
    | 'wrong_password'
    | 'throttled'
    | 'provider_failed'
    | 'provider_denied'
    | 'provider_expired'
    | 'provider_not_fresh'
    | 'account_disabled'
    | 'passkey_failed'
    | 'step_expired'
    | undefined
  /** Identity providers that the user can sign in with instead. */
  providers?: readonly { name: string; href: string }[] | undefined
  passkey?: PasskeyForm | undefined
  signUpHref?: string | undefined
}

/** Fields `username`, `email` and `password`, with `action=sign-up`. */
export interface SignUpPage extends PageFrame {
  form: FormFields
  agentHost?: string | undefined
  resourceHost?: string | undefined
  /** Whether only a link names the agent and the resource, so that the page must not state them as facts. */
  unverified?: boolean | undefined
  username?: string | undefined
  email?: string | undefined
  /** Minimum number of characters. */
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
  problem?: 'wrong_password' | 'wrong_code' | 'throttled' | 'passkey_failed' | undefined
  /** Whether a code is requested in addition to the password, in the field `code`. */
  askCode?: boolean | undefined
  /** Set if the passkey is requested instead of the password. */
  passkey?: PasskeyForm | undefined
  /** The link to leave without reauthenticating. */
  cancelHref?: string | undefined
}

export interface Permission extends NamedPermission {
  /** What the agent currently learns about the user through the permission; null if the user has not provided the data. */
  value?: string | null | undefined
  /** The permission as requested reveals nothing to the agent. */
  withheld?: boolean | undefined
  /** When the permission expires, in Unix seconds, if the others last longer. */
  until?: number | undefined
  /** The user has not allowed this before: it is shown first, and marked. */
  isNew?: boolean | undefined
}

/** What has changed since this server last saw the agent. */
export interface AgentChange {
  what: 'keys' | 'redirect_host' | 'name'
  /** The previous host or name. */
  before?: string | undefined
}

/** Why an agent's name or host looks like something it is not. */
export type NameCaution =
  | { what: 'brand'; brand: string }
  | { what: 'address'; address: string }
  | { what: 'imitation' }

/** Where the decision redirects the user. */
export interface ConsentRedirect {
  uri: string
  /** The `host/path` of the redirect URI. */
  display: string
  /** Whether the redirect host differs from the agent's host. */
  elsewhere: boolean
  /** Whether the redirect leads to a program on the user's own device, which nothing proves to be the agent. */
  loopback: boolean
}

export interface ConsentPage extends PageFrame, RequestBlocks {
  form: FormFields
  /** The revision that must be submitted with the decision. */
  revision: number
  user: string
  agentHost: string
  /** The name that the agent gives itself, already cleaned and truncated to 60 characters; absent if it does not give one. */
  agentName?: string | undefined
  nameCaution?: NameCaution | undefined
  /** The full verified identifiers, for the details. */
  agent: string
  delegate?: string | undefined
  agentJkt?: string | undefined
  resource: string
  resourceHost: string
  /** The name that the resource gives itself, cleaned like the agent's; absent if it does not give one, or one that misleads. */
  resourceName?: string | undefined
  /** Where the user goes next; absent if the user stays here. */
  redirect?: ConsentRedirect | undefined
  /** The agent's links, limited to https on its own host. */
  homepage?: string | undefined
  policyUri?: string | undefined
  tosUri?: string | undefined
  firstTime: boolean
  /** Whether the agent's host has letters that could be mistaken for others (an `xn--` label). */
  lookAlike: boolean
  able: Permission[]
  /** Allowed before and not part of this request; it remains allowed. */
  kept?: readonly Permission[] | undefined
  /** Requested, but left out because the user removed it a short time before. @default nothing */
  leftOut?: readonly Permission[] | undefined
  /** Offered by the resource, but neither requested nor already usable by the agent. */
  notRequested: Permission[]
  /** Hosts of other resources that the agent can already use. */
  elsewhere: readonly string[]
  /** Whether the agent can already sign the user in to its own service. */
  signsInAlready?: boolean | undefined
  /** Whether the agent has no access to any other resource. */
  nothingElse: boolean
  /** How long tokens that the agent already holds stay usable, in seconds. */
  tokenLifetime: number
  /** Unix seconds. */
  expiresAt: number
  /** The logo as served by this server, as a same-origin path. Anything else is not shown. */
  logo?: string | undefined
  /** Whether the agent publishes neither a name nor a page about itself. */
  saysNothing?: boolean | undefined
  /** When the user last allowed this agent, or this delegate of it, in Unix seconds. */
  allowedBefore?: number | undefined
  /** When the user last allowed another delegate of the agent, or the agent itself, if they have never allowed this delegate. */
  otherDelegateAllowed?: number | undefined
  /** Whether the user has already been shown another request from this agent. */
  requestedBefore?: boolean | undefined
  /** When the agent sent the request, in Unix seconds. */
  requestedAt: number
  /** When the page was rendered, in Unix seconds. */
  now: number
  /** Whether the agent signs nothing: which program asks is not proven, and its access works for anyone who copies it. @default false */
  bearer?: boolean | undefined
  /** Who registered an agent that signs nothing. @default its details were fetched from its URL */
  registeredBy?: 'operator' | 'itself' | undefined
  /** Four characters that the requesting program also shows, if it can. */
  code?: string | undefined
  changes?: readonly AgentChange[] | undefined
  /** What the user can choose, narrowest first. */
  durations: { choices: readonly Extent[]; preset: Extent }
  call?: ShownCall | undefined
  /** Path of the My agents page. */
  accountPath: string
  /** Whether a decision is never remembered for an agent that signs nothing: the page says so. @default false */
  asksAgain?: boolean | undefined
  /** Present if the request's expiry can be extended again. */
  extend?: { secondsLeft: number } | undefined
  /** The dangers among the requested permissions, shown as a caution above the buttons. */
  dangers?: readonly Danger[] | undefined
  /** Whether the password is required again, in the field `password` of the decision. */
  askPassword?: boolean | undefined
  /** Whether a code is required in addition to the password, in the field `code`. */
  askCode?: boolean | undefined
  /** Whether Allow first leads to the page where the user sets up a second factor. */
  setUpFirst?: boolean | undefined
  /** Present if a passkey must prove who allows this: Allow posts `credential`. */
  passkey?: PasskeyForm | undefined
  /** What went wrong with the proof. */
  problem?: 'wrong_password' | 'wrong_code' | 'throttled' | 'passkey_failed' | undefined
}

/** A request that the user may not allow under the operator's policy. */
export interface PolicyForbidsPage extends PageFrame {
  form: FormFields
  revision: number
  user: string
  agentHost: string
  resourceHost: string
  /** The `host/path` where the user goes next. */
  next: string | undefined
}

/** Shown between a decision and returning to an agent that is a program on the user's device. */
export interface ReturnToAppPage extends PageFrame {
  outcome: 'allowed' | 'denied'
  agentHost: string
  /** URL of the app, including the response; a private-use scheme. Absent if the agent polls for the outcome. */
  href?: string | undefined
}
