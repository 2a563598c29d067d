import { AAuthError } from 'countersign'
import {
  draft11,
  draft11Jose,
  draft11ServerSigning,
  isServerId,
  issueAgentToken,
  parseRequirement,
} from 'countersign/editions/draft-11'
import type { ParsedKeyReference } from 'countersign/signatures'
import { usageError } from '../command/errors.js'
import type { CommandEdition, DecodedHeader, DocumentKind, HeaderInspector } from './command-edition.js'
import { draft11Trace, moves } from './draft-11-trace.js'
import {
  closingSentences,
  isDecision,
  openingSentences,
  type PageText,
  type RecognizedMessage,
  trustRows,
} from './page-text.js'
import { requireToken } from './require-token.js'

const name = {
  member: 'name',
  without: 'It has no name, so users see only its host.',
  fix: 'Add a name that users recognize, in the agent’s option about.name.',
}

const documents: readonly DocumentKind[] = [
  { party: 'agent', type: draft11.documents.agent, endpoints: [], advised: [name] },
  {
    party: 'resource',
    type: draft11.documents.resource,
    endpoints: ['authorization_endpoint', 'revocation_endpoint'],
    advised: [
      {
        member: 'jwks_uri',
        without:
          'It has no valid jwks_uri, so the resource cannot require authorization: no one can verify its resource tokens.',
        fix: 'Publish the key that signs resource tokens, and add its URL. A resource without such routes needs none.',
      },
      {
        member: 'scope_descriptions',
        without: 'It has no scope_descriptions, so users see only the names of scopes.',
        fix: 'Describe each scope in a few plain words.',
      },
      {
        member: 'revocation_endpoint',
        without: 'It has no revocation_endpoint, so a token that a user revokes works until it expires.',
        fix: 'Accept revocations, and publish the URL.',
      },
    ],
  },
  {
    party: 'person',
    type: draft11.documents.authServer,
    endpoints: ['auth_token_endpoint', 'person_token_endpoint', 'revocation_endpoint', 'interaction_endpoint'],
    advised: [
      {
        member: 'scopes_supported',
        without: 'It has no scopes_supported, so resources cannot request identity claims such as email.',
        fix: 'List the identity scopes for which it has claims.',
      },
      {
        member: 'revocation_endpoint',
        without: 'It has no revocation_endpoint, so agents and resources cannot revoke their tokens here.',
        fix: 'Accept revocations, and publish the URL.',
      },
    ],
  },
]

const headers: Readonly<Record<string, HeaderInspector>> = {
  'AAuth-Requirement': {
    fits: /^requirement=/,
    async decode(value) {
      const required = parseRequirement(value)
      if (!required)
        throw new AAuthError(
          'request_malformed',
          'AAuth-Requirement does not have the form requirement=…, with the parameters that the requirement needs.',
        )
      const remarks = [moves[required.requirement]]
      if (required.requirement === 'unknown') return { decoded: { requirement: required.name }, remarks, tokens: [] }
      if (required.requirement !== 'auth-token') return { decoded: { ...required }, remarks, tokens: [] }
      const { requirement, resourceToken } = required
      return { decoded: { requirement, 'resource-token': resourceToken }, remarks, tokens: [resourceToken] }
    },
  },
  'Signature-Key': { fits: /^[a-z*][a-z0-9_.*-]*=[A-Za-z*][\w.*-]*;/, decode: async (value) => decodeKey(value) },
  'Accept-Signature-Scheme': tokenList('The schemes of Signature-Key that the server accepts.'),
  'Accept-Signature-Alg': tokenList('The algorithms that the server accepts: sign with a key for one of them.'),
}

function decodeKey(value: string): DecodedHeader {
  const { label, key } = parseAnyKey(value)
  if (key.scheme === 'jwt') return { decoded: { label, ...key }, remarks: [], tokens: [key.jwt] }
  const { id, wellKnown: dwk, kid } = key as Extract<typeof key, { id: string }>
  const remark = 'Only servers sign with the jwks_uri scheme: agents sign with a token.'
  return { decoded: { label, scheme: 'jwks_uri', id, dwk, kid }, remarks: [remark], tokens: [] }
}

/** Parses the key of an agent or, if there is none, that of a server. */
function parseAnyKey(value: string): ParsedKeyReference {
  try {
    return draft11.signing.parseKey(value)
  } catch (error) {
    if (error instanceof AAuthError && error.code === 'signature_key_scheme_refused')
      return draft11ServerSigning.parseKey(value)
    throw error
  }
}

/** A list of tokens. Without its name, a value is not recognized. */
function tokenList(remark: string): HeaderInspector {
  const decode = async (value: string) => ({
    decoded: { accepted: value.split(/[ \t]*,[ \t]*/) },
    remarks: [remark],
    tokens: [],
  })
  return { fits: /(?!)/, decode }
}

const tokenNames: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(draft11.tokens).map(([kind, { typ }]) => [typ, kind]),
)

/** Draft -11, on the page of a run. */
const draft11Page: PageText = {
  edition: 'AAuth, draft -11',
  sentences: [
    ...openingSentences(
      'it signs the request with its private key, which it never sends, and says who it is in a token that it issued itself.',
    ),
    {
      text: 'The API refuses: here, an agent must act for a user. No one has asked a user yet.',
      at: (message) => message.to === 'agent' && message.from === 'resource' && message.status === 401,
    },
    {
      text: 'The agent asks its person server, the one that its token names. The person server verifies the agent’s signature, and returns a link and a code for the user.',
      at: ({ from, to, status, content }) =>
        from === 'auth-server' && to === 'agent' && status === 202 && content.includes('interaction'),
    },
    {
      text: 'The user signs in at the person server, compares the code with the one that the agent shows, and lets the agent act for them at this API.',
      at: isDecision,
    },
    {
      text: 'With that person token, the agent calls again. Now the API knows for whom, and returns a resource token: a signed note that says which permissions the agent’s key needs.',
      at: (message) =>
        message.to === 'agent' &&
        message.from === 'resource' &&
        message.status === 401 &&
        message.content.includes('resource-token'),
    },
    {
      text: 'The agent takes the note to the person server. The user reads which permissions it asks for, and allows them.',
      at: (message) => isCallTo(message, '/authorize'),
    },
    ...closingSentences('person server'),
  ],
  replay: 'Each request of the agent carries a nonce, so a copy of it is refused.',
  trust: trustRows('person server', {
    api: 'It accepts this one to say what its users allowed. The API verifies each token with the published key.',
    agent: 'Its owner chose it for their own user. Whatever an API says, the agent asks no other server.',
  }),
}

function isCallTo({ from, to, path, status }: RecognizedMessage, end: string): boolean {
  return from === 'agent' && to === 'auth-server' && status === undefined && path.endsWith(end)
}

/** Draft -11 of AAuth, for the commands. */
export const draft11Edition: CommandEdition = {
  protocol: draft11,
  trace: draft11Trace,
  page: draft11Page,
  claims: {
    dwk: 'The document at the issuer that names its keys.',
    ps: 'The agent’s person server: the only one that may decide for its user.',
    sub: 'Whom the token is about: the agent, or the user by an id that the issuer chose for them.',
    presented_jti: 'The id of the token with which the agent called.',
  },
  documents,
  identifierProblem: (identifier) =>
    isServerId(identifier, { allowInsecureLoopback: true })
      ? undefined
      : 'in draft-11, an identifier is the https URL of a host, without a port or path',
  headers,
  remedies: {
    clock_skew:
      'The signature or token is from the future by the server’s clock: compare the Date header of the response with your clock.',
    unsupported_scheme:
      'Signature-Key has a scheme that the server does not accept: Accept-Signature-Scheme lists those that it accepts. Agents sign with jwt.',
    invalid_jwt:
      'The token in Signature-Key is refused: the response body states why, and countersign inspect <token> shows its claims.',
    expired_jwt: 'The token in Signature-Key has expired: get a new one.',
    revoked_jwt: 'The token in Signature-Key was revoked: get a new one, for which the user may have to decide again.',
    issuer_missing: 'The document of the token’s issuer has no issuer: countersign discover <issuer> shows it.',
    issuer_mismatch: 'The document of the token’s issuer names another issuer: countersign discover <issuer> shows it.',
  },
  tokenRemarks({ typ, alg }) {
    const kind = typeof typ === 'string' && Object.hasOwn(tokenNames, typ) ? tokenNames[typ] : undefined
    if (kind === undefined) return []
    const article = /^[aeiou]/.test(kind) ? 'An' : 'A'
    const accepted = Object.values(draft11Jose.names).flat()
    return [
      `${article} ${kind} token of draft-11.`,
      ...(typeof alg === 'string' && !accepted.includes(alg)
        ? [`alg is ${alg}, but draft-11 accepts only ${accepted.join(' and ')}.`]
        : []),
    ]
  },
  async chooseSignatureKey(flags, signer, tell, now) {
    const { scheme = 'jwt', key, id, token, wellKnown, jwksUri } = flags
    if (scheme !== 'jwt' || wellKnown !== undefined || jwksUri !== undefined)
      throw usageError(
        'In draft-11, agents sign with a token: pass --token, or --id and --key. --scheme hwk, --scheme jwks, --well-known and --jwks-uri do not apply.',
      )
    if (token !== undefined && id === undefined) return { scheme, jwt: await requireToken(flags, signer, tell) }
    if (token !== undefined) throw usageError('Use either --token or --id, which issues an agent token.')
    if (id === undefined)
      throw usageError(
        'In draft-11, agents sign with a token: pass --token, or --id with --key to issue an agent token.',
      )
    if (key === undefined) throw usageError('--id requires --key, because a new key is not published anywhere.')
    const problem = draft11Edition.identifierProblem(id)
    if (problem !== undefined) throw usageError(`--id is not valid: ${problem}.`)
    return { scheme, jwt: await issueAgentToken({ id, signer, authServers: [] }, now) }
  },
}
