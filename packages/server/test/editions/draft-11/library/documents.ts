import type { DocumentType } from 'countersign/discovery'
import { joseNames } from './jose-names.js'

/** `/.well-known/aauth-agent.json`, published by the issuer of agent tokens, which is the agent itself here. */
export interface AgentDocument {
  issuer: string
  jwks_uri: string
  name?: string
  logo_uri?: string
  policy_uri?: string
  tos_uri?: string
}

/** `/.well-known/aauth-person.json` */
export interface PersonDocument {
  issuer: string
  jwks_uri: string
  person_token_endpoint: string
  auth_token_endpoint: string
  name?: string
}

/** `/.well-known/aauth-resource.json` */
export interface ResourceDocument {
  issuer: string
  jwks_uri: string
  access_mode?: string
  scope_descriptions?: Record<string, string>
}

const agent: DocumentType<AgentDocument> = {
  name: 'aauth-agent.json',
  jose: joseNames,
  party: 'agent',
  self: 'issuer',
  members: {
    issuer: 'identifier',
    jwks_uri: 'url',
    name: 'string',
    logo_uri: 'url',
    policy_uri: 'string',
    tos_uri: 'string',
  },
  required: ['issuer', 'jwks_uri'],
}

const authServer: DocumentType<PersonDocument> = {
  name: 'aauth-person.json',
  jose: joseNames,
  party: 'authServer',
  self: 'issuer',
  members: {
    issuer: 'identifier',
    jwks_uri: 'url',
    person_token_endpoint: 'url',
    auth_token_endpoint: 'url',
    name: 'string',
  },
  required: ['issuer', 'jwks_uri', 'person_token_endpoint', 'auth_token_endpoint'],
}

const resource: DocumentType<ResourceDocument> = {
  name: 'aauth-resource.json',
  jose: joseNames,
  party: 'resource',
  self: 'issuer',
  members: { issuer: 'identifier', jwks_uri: 'url', access_mode: 'string', scope_descriptions: 'texts' },
  required: ['issuer', 'jwks_uri'],
}

/** The documents of the three parties. The auth server is a person server. */
export const documents = { agent, authServer, resource } as const
