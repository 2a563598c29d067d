import {
  type DocumentOptions,
  type DocumentType,
  endpointProblem,
  type PublishedDocument,
} from '../../protocol/documents.js'
import { draft11Jose } from './algorithms.js'

/** The members of every document (draft -11 §11.2). */
interface CommonDocument extends PublishedDocument {
  issuer: string
  jwks_uri: string
  accept_signature_algs?: readonly string[]
  name?: string
  /** Markdown. */
  description?: string
  logo_uri?: string
  logo_dark_uri?: string
  documentation_uri?: string
  tos_uri?: string
  policy_uri?: string
}

/** `/.well-known/aauth-agent.json`, published by the party that issues agent tokens. */
export interface AgentDocument extends CommonDocument {
  /** Where users' browsers return after they have decided. */
  callback_endpoint?: string
  /** Whether users may also return to a loopback URL. */
  localhost_callback_allowed?: boolean
}

/** `/.well-known/aauth-person.json` */
export interface PersonDocument extends CommonDocument {
  auth_token_endpoint: string
  person_token_endpoint: string
  revocation_endpoint?: string
  interaction_endpoint?: string
  scopes_supported?: readonly string[]
  claims_supported?: readonly string[]
}

/** `/.well-known/aauth-resource.json` */
export interface ResourceDocument extends Omit<CommonDocument, 'jwks_uri'> {
  /** Absent if the resource issues no resource tokens. */
  jwks_uri?: string
  /**
   * The least token with which a resource serves anything: `agent-token`, `person-token`, `session-token` or `auth-token`. Only a hint: its
   * refusals decide.
   */
  access_mode?: string
  authorization_endpoint?: string
  revocation_endpoint?: string
  /** Markdown by scope. */
  scope_descriptions?: Readonly<Record<string, string>>
  /** Seconds. @default 60 */
  signature_window?: number
  /** Components that signatures must cover besides those of draft -11 §11.3. */
  additional_signature_components?: readonly string[]
}

const commonMembers = {
  issuer: 'identifier',
  jwks_uri: 'url',
  accept_signature_algs: 'strings',
  name: 'string',
  description: 'string',
  logo_uri: 'url',
  logo_dark_uri: 'url',
  documentation_uri: 'url',
  tos_uri: 'url',
  policy_uri: 'url',
} as const

/** Keys at another origin could be anyone's, so the operator must list that origin. */
function keysProblem({ jwks_uri: url }: PublishedDocument, identifier: string, { endpointOrigins }: DocumentOptions) {
  return url === undefined ? undefined : endpointProblem(identifier, 'jwks_uri', url, endpointOrigins)
}

const agent: DocumentType<AgentDocument> = {
  name: 'aauth-agent.json',
  jose: draft11Jose,
  party: 'agent',
  self: 'issuer',
  refusal: keysProblem,
  members: { ...commonMembers, callback_endpoint: 'url', localhost_callback_allowed: 'boolean' },
  discoverFlags: ' --edition draft-11',
  required: ['issuer', 'jwks_uri'],
}

const authServer: DocumentType<PersonDocument> = {
  name: 'aauth-person.json',
  jose: draft11Jose,
  party: 'authServer',
  self: 'issuer',
  refusal: keysProblem,
  members: {
    ...commonMembers,
    auth_token_endpoint: 'url',
    person_token_endpoint: 'url',
    revocation_endpoint: 'url',
    interaction_endpoint: 'url',
    scopes_supported: 'strings',
    claims_supported: 'strings',
  },
  required: ['issuer', 'jwks_uri', 'auth_token_endpoint', 'person_token_endpoint'],
}

const resource: DocumentType<Omit<ResourceDocument, 'signature_window'>> = {
  name: 'aauth-resource.json',
  jose: draft11Jose,
  party: 'resource',
  self: 'issuer',
  refusal: keysProblem,
  members: {
    ...commonMembers,
    access_mode: 'string',
    authorization_endpoint: 'url',
    revocation_endpoint: 'url',
    scope_descriptions: 'texts',
    additional_signature_components: 'strings',
  },
  // A resource that issues no resource tokens needs no keys.
  required: ['issuer'],
}

/** The documents of the three parties (draft -11 §11.2). The auth server is the user's person server. */
export const draft11Documents = { agent, authServer, resource } as const
