import type { OwnDocument } from 'countersign/discovery'
import type { KeyResolver, ResourceEdition } from 'countersign/editions'
import { deviceKeysOf } from '../config/personal-agents.js'
import type { CreateTransport } from '../http/consent-transport.js'
import type { ServerContext } from '../http/context.js'
import type { Route } from '../http/route.js'
import type { SigningKeys } from '../secrets/server-keys.js'
import type { OwnedDevice } from '../storage/api/storage.js'

/** An agent that requests something, regardless of how its edition identifies agents. */
export interface RequestingAgent {
  agent: string
  delegate: string | null
  /** The address that the request came from, if the platform reports it. */
  remoteAddress: string | undefined
  /**
   * Who is counted against the agent's rates, if nothing proves that the agent sent the request: otherwise, anyone could use up the rates of
   * an agent. @default the agent
   */
  countedAs?: string | undefined
  /**
   * Whether the agent is one of many that `agent` vouches for and `delegate` identifies, and acts for a user already (`known`) or not yet
   * (`new`). It then has its own rates, and shares those of `agent`. @default it is the only one
   */
  member?: 'known' | 'new' | undefined
  /** Whether a rule that grants gives the agent a token without a user. Otherwise, such a rule prompts the user. @default true */
  actsForItself?: boolean | undefined
  /** The user's device that the agent is; undefined for an agent of another server. */
  device?: OwnedDevice | undefined
}

/** The auth server's part of an edition. All editions of a server share its accounts, pages and grants. */
export interface ServerEdition {
  /** Identifies the edition in stored requests and grants, so it never changes. */
  readonly name: string
  readonly createTransport: CreateTransport
  /** Whether its tokens belong to families, which the revocation list must then include. @default false */
  readonly hasFamilies?: boolean
  /** Whether its resources are notified of each revocation, so that the revocation list omits its grants. @default false */
  readonly sendsRevocations?: boolean
  /** The longest lifetime of its tokens, in seconds. @default `lifetimes.authToken` */
  readonly tokenLifetime?: number | undefined
  /** The edition's endpoints, for agents and browsers. A path may have a variable segment, as in `/pending/:id`. */
  endpoints(context: ServerContext): readonly Route[]
}

/** The part of an edition that verifies the requests of agents, and refuses them. */
export type VerifyingEdition = Pick<ResourceEdition, 'documents' | 'signing' | 'createKeyResolver' | 'writeRefusal'>

/** What the endpoints of an edition in which agents sign their requests work with. */
export interface SignedContext extends ServerContext {
  edition: VerifyingEdition
  /** The edition's signing keys. */
  keys: SigningKeys
  /** The edition's keys for the agent tokens of users' devices; undefined if it issues none. */
  deviceKeys: SigningKeys | undefined
  /** Finds the keys of agents that sign requests. */
  signers: KeyResolver
  hasProviders: boolean
  revokedToken: string | undefined
}

/** An edition in which agents sign their requests. */
export interface SignedEdition extends Omit<ServerEdition, 'endpoints'> {
  readonly edition: VerifyingEdition
  /**
   * Whether `agent` is a provider that vouches for any number of agents, each identified by a globally unique `delegate`, rather than an
   * agent. Nonces are then counted for each of them. @default false
   */
  readonly hasProviders?: boolean
  /**
   * The edition's own signing keys, which sign nothing else. Every edition except the server's first one needs them, because a token of one
   * edition could otherwise pass as a token of another. @default the server's `keys`
   */
  readonly keys?: SigningKeys | undefined
  /**
   * The keys that sign the edition's agent tokens for users' devices, and nothing else. @default those of `personalAgents`, for the server's
   * first edition
   */
  readonly deviceKeys?: SigningKeys | undefined
  /** The edition's error for an agent token that is not accepted anymore. @default the error for one that was never valid */
  readonly revokedToken?: string | undefined
  /** The metadata that the server publishes at the address for its document type. Its `jwks_uri` has only this edition's keys. */
  describe(context: SignedContext): OwnDocument
  /** The edition's endpoints, for agents and browsers. A path may have a variable segment, as in `/pending/:id`. */
  endpoints(context: SignedContext): readonly Route[]
}

/** Returns the context for an edition's endpoints. @throws TypeError if the context was created without the edition */
export function signedContext(
  context: ServerContext,
  { name, edition, hasProviders = false, revokedToken }: SignedEdition,
): SignedContext {
  const keys = context.signingKeys.get(name)
  if (!keys) throw new TypeError(`the edition ${name} has no keys`)
  const { identifiers, discovery, issuer, now, certificates } = context
  const signers = edition.createKeyResolver({
    ...identifiers,
    discovery,
    role: 'authServer',
    audience: issuer,
    now,
    authTokenIssuers: [issuer],
    certificates,
  })
  const deviceKeys = context.signingKeys.get(deviceKeysOf(name))
  return { ...context, edition, keys, deviceKeys, signers, hasProviders, revokedToken }
}
