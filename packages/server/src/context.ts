import type { Algorithm } from 'countersign'
import type {
  AgentSelection,
  Discovery,
  IdentifierOptions,
  KeyRenewer,
  MaybePromise,
  ParsedSignatureKey,
  ResolvedKey,
  SignatureKey,
} from 'countersign/wire'
import type { Refusal } from './audit/refusal.js'
import type { RefusalRecorder } from './audit/refusal-recorder.js'
import type { MintedSecrets } from './keys/minted-secrets.js'
import type { ServerKeys } from './keys/server-keys.js'
import type { LogoKeeper } from './logos/logo-keeper.js'
import type { Duration, PageFooter } from './pages/models.js'
import type { Brands } from './policy/default-brands.js'
import type { Policy } from './policy/policy.js'
import type { RiskPatterns } from './policy/risk.js'
import type { PasskeySettings } from './sign-in/passkeys.js'
import type { IdentityProviderClient } from './sign-in/provider/identity-provider.js'
import type { BackgroundWork } from './storage/background-work.js'
import type { Storage } from './storage/storage.js'

/** Seconds. */
export interface Lifetimes {
  requestToken: number
  code: number
  authToken: number
  refreshIdle: number
  refresh: number
  sessionIdle: number
  session: number
}

/** What is accepted from named agents that speak an older form of the protocol. */
export interface Interop {
  /** Agents whose document may list no redirect URIs: any on their own origin is then accepted (W12). */
  redirectUrisOptional: AgentSelection
  /** Agents whose signatures may leave the body out: anyone on the way may change it (W6). */
  unsignedBodies: AgentSelection
}

/** What every endpoint works with; made once from the options and never changed. */
export interface ServerContext {
  issuer: string
  /** The server's name on its pages. */
  name: string
  keys: ServerKeys
  secrets: MintedSecrets
  storage: Storage
  discovery: Discovery
  resolveKey: (signatureKey: SignatureKey, remoteAddress: string | undefined) => MaybePromise<ResolvedKey>
  renewKey: KeyRenewer
  policy: Policy
  risks: RiskPatterns
  /** Besides the built-in ones. */
  brands: Brands
  interop: Interop
  parseSignatureKey: (text: string) => ParsedSignatureKey
  identifiers: IdentifierOptions
  algorithms: readonly Algorithm[]
  lifetimes: Lifetimes
  maxOpenRequests: number
  /** How many live sessions one person may have. */
  maxSessions: number
  /** How long a person may allow something for, shortest first; the first is preset. */
  durations: readonly [Duration, ...Duration[]]
  /** Whether people may make accounts themselves. */
  signUp: boolean
  passkeys: PasskeySettings | undefined
  /** Identity providers that people may sign in with, by the id in their path. */
  providers: ReadonlyMap<string, IdentityProviderClient>
  background: BackgroundWork
  /** Undefined: pages show no logos, and none is fetched. */
  logos: LogoKeeper | undefined
  footer: PageFooter
  /** Whom people can ask: about what the policy forbids, and for a new password. */
  contact: { name: string; href?: string } | undefined
  nonce: 'optional' | 'required'
  /** Whether a code works only with the key that asked for it. */
  bindCodeToKey: boolean
  now: () => number
  recordRefusal: RefusalRecorder
  /** Told of every answer that refuses. */
  onRefusal: (refusal: Refusal, requestId: string) => void
  /** Told of what is not the caller's fault; the response shows only the id. */
  onError: (error: unknown, requestId: string) => void
}
