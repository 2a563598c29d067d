import { registeredNames } from '../../lib/algorithms.js'
import type { DocumentType } from '../../protocol/documents.js'

/** `/.well-known/aauth-agent` (S§8.1). */
export interface AgentMetadata {
  agent: string
  jwks_uri: string
  redirect_uris?: string[]
  name?: string
  logo_uri?: string
  policy_uri?: string
  tos_uri?: string
  homepage?: string
}

/** `/.well-known/aauth-resource` (S§8.3). */
export interface ResourceMetadata {
  resource: string
  jwks_uri: string
  resource_token_endpoint?: string
  supported_scopes?: string[]
  scope_descriptions?: Record<string, string>
}

/** `/.well-known/aauth-issuer` (S§8.2). */
export interface IssuerMetadata {
  issuer: string
  jwks_uri: string
  agent_token_endpoint: string
  agent_auth_endpoint: string
  /** The endpoint at which agents revoke refresh tokens (not in the edition's text). */
  agent_revocation_endpoint?: string
  /** The endpoint at which resources poll the revocation list (not in the edition's text). */
  revocation_list_uri?: string
  agent_signing_algs_supported?: string[]
  request_types_supported?: string[]
  scopes_supported?: string[]
  /** RFC 9207. */
  authorization_response_iss_parameter_supported?: boolean
}

export const agentDocument: DocumentType<AgentMetadata> = {
  name: 'aauth-agent',
  jose: registeredNames,
  party: 'agent',
  self: 'agent',
  members: {
    agent: 'identifier',
    jwks_uri: 'url',
    redirect_uris: 'strings',
    name: 'string',
    logo_uri: 'url',
    policy_uri: 'string',
    tos_uri: 'string',
    homepage: 'string',
  },
  required: ['agent', 'jwks_uri'],
}

export const resourceDocument: DocumentType<ResourceMetadata> = {
  name: 'aauth-resource',
  jose: registeredNames,
  party: 'resource',
  self: 'resource',
  members: {
    resource: 'identifier',
    jwks_uri: 'url',
    resource_token_endpoint: 'url',
    supported_scopes: 'strings',
    scope_descriptions: 'texts',
  },
  required: ['resource', 'jwks_uri'],
}

export const authServerDocument: DocumentType<IssuerMetadata> = {
  name: 'aauth-issuer',
  jose: registeredNames,
  party: 'authServer',
  self: 'issuer',
  members: {
    issuer: 'identifier',
    jwks_uri: 'url',
    agent_token_endpoint: 'url',
    agent_auth_endpoint: 'url',
    agent_revocation_endpoint: 'url',
    revocation_list_uri: 'url',
    agent_signing_algs_supported: 'strings',
    request_types_supported: 'strings',
    scopes_supported: 'strings',
    authorization_response_iss_parameter_supported: 'boolean',
  },
  required: ['issuer', 'jwks_uri', 'agent_token_endpoint', 'agent_auth_endpoint'],
}

/** The documents of the three parties (S§8, 14.1). */
export const januaryDocuments = {
  agent: agentDocument,
  resource: resourceDocument,
  authServer: authServerDocument,
} as const
