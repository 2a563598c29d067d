import { january } from 'countersign'
import type { DocumentType } from 'countersign/wire'

export interface DocumentKind {
  /** Whose document it is. */
  party: 'agent' | 'resource' | 'issuer'
  type: DocumentType
  /** Members that peers send something to, or people. */
  endpoints: readonly string[]
  /** Members without which something does not work; why, and how to mend it. */
  advised: readonly { member: string; without: string; mend: string }[]
}

/** The documents that an identifier may have (S§8). */
export const documentKinds: readonly DocumentKind[] = [
  {
    party: 'agent',
    type: january.documents.agent,
    endpoints: [],
    advised: [
      {
        member: 'redirect_uris',
        without: 'It lists no redirect_uris, so no auth server can send a person back.',
        mend: 'List every redirect_uri that the agent uses, as the same strings.',
      },
    ],
  },
  {
    party: 'resource',
    type: january.documents.resource,
    endpoints: ['resource_token_endpoint'],
    advised: [
      {
        member: 'scope_descriptions',
        without: 'It has no scope_descriptions, so people see only the names of scopes.',
        mend: 'Describe each scope in a few plain words.',
      },
    ],
  },
  {
    party: 'issuer',
    type: january.documents.authServer,
    endpoints: ['agent_token_endpoint', 'agent_auth_endpoint', 'agent_revocation_endpoint', 'revocation_list_uri'],
    advised: [
      {
        member: 'authorization_response_iss_parameter_supported',
        without: 'It does not say that it sends iss (RFC 9207), so agents cannot tell whose answer they got.',
        mend: 'Send iss with every code and error, and say so in the document.',
      },
    ],
  },
]
