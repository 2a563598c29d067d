import type { PublicJwk } from 'countersign'
import { january, parseChallenge, parseSignatureKey } from 'countersign/editions'
import { jwkThumbprint, type KeyReference } from 'countersign/signatures'
import { usageError } from '../command/errors.js'
import type { CommandEdition, KeyReferenceFlags } from './command-edition.js'
import { januaryTrace } from './january-trace.js'
import { closingSentences, isDecision, openingSentences, type PageText, trustRows } from './page-text.js'
import { requireToken } from './require-token.js'

/** January 2026, on the page of a run. */
const januaryPage: PageText = {
  edition: 'AAuth of January 2026',
  sentences: [
    ...openingSentences('it signs the request with its private key, which it never sends.'),
    {
      text: 'The API refuses, and returns a resource token: a signed note that says which agent, with which key, needs which permissions.',
      at: (message) => message.to === 'agent' && message.from === 'resource' && message.status === 401,
    },
    {
      text: 'The agent takes the note to the auth server that the API named, in a signed request. It accepts only auth servers that its owner listed.',
      at: ({ from, to, status, content }) =>
        from === 'agent' && to === 'auth-server' && status === undefined && content.includes('resource_token='),
    },
    {
      text: 'The auth server checks both signatures, the agent’s and the API’s, and returns a link for the user.',
      at: ({ from, to, status, content }) =>
        from === 'auth-server' && to === 'agent' && status === 200 && content.includes('"request_token"'),
    },
    {
      text: 'The user signs in at the auth server, reads which agent wants what, and allows it.',
      at: isDecision,
    },
    {
      text: 'The browser returns to the agent with a code that works once, and only for a request that this agent signs.',
      at: ({ from, to, path }) => from === 'browser' && to === 'agent' && path.includes('code='),
    },
    ...closingSentences('auth server'),
  ],
  replay:
    'A request that changes something carries a nonce, so a copy of it is refused. A copied GET would work again for 60 seconds, unchanged.',
  trust: trustRows('auth server', {
    api: 'Its owner chose this one to say what users allowed. The API verifies each token with the published key.',
    agent: 'Its owner listed it. The agent sends no user to any other server, whatever an API says.',
  }),
}

/** AAuth as of January 2026, for the commands. */
export const januaryEdition: CommandEdition = {
  protocol: january,
  trace: januaryTrace,
  page: januaryPage,
  claims: {},
  documents: [
    {
      party: 'agent',
      type: january.documents.agent,
      endpoints: [],
      advised: [
        {
          member: 'redirect_uris',
          without: 'It lists no redirect_uris, so auth servers cannot redirect users back.',
          fix: 'List every redirect_uri that the agent uses, with exactly the same spelling.',
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
          without: 'It has no scope_descriptions, so users see only the names of scopes.',
          fix: 'Describe each scope in a few plain words.',
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
          without:
            'It does not declare that it sends iss (RFC 9207), so agents cannot tell which server a response came from.',
          fix: 'Send iss with every code and error, and declare it in the document.',
        },
      ],
    },
  ],
  identifierProblem: () => undefined,
  headers: {
    [january.headers.challenge]: {
      fits: /^httpsig\b/,
      decode: async (value) => {
        const challenge = parseChallenge(value)
        const tokens = challenge.resourceToken === undefined ? [] : [challenge.resourceToken]
        return { decoded: asWritten(challenge), remarks: [], tokens }
      },
    },
    'Signature-Key': {
      fits: /^[^=]*=\(scheme=/,
      decode: async (value) => {
        const { label, key } = parseSignatureKey(value)
        const thumbprint = key.scheme === 'hwk' ? await jwkThumbprint(key.jwk as PublicJwk) : undefined
        return {
          decoded: { label, ...asWritten(key) },
          remarks: thumbprint === undefined ? [] : [`The key’s thumbprint is ${thumbprint}.`],
          tokens: key.scheme === 'jwt' ? [key.jwt] : [],
        }
      },
    },
  },
  remedies: {
    invalid_signature:
      'Something is wrong with the headers, the creation time, the signature bytes, the digest or the nonce: the response body states what, and countersign verify shows the signature base.',
    invalid_input:
      'The signature must cover the components that the server requires, and no components that the request lacks.',
    unsupported_algorithm: 'The server accepts other algorithms: sign with a key for one of them.',
    invalid_key:
      'The key itself is refused because of its type, size or parameters: generate another one (countersign agent keys generate).',
    unknown_key:
      'No usable key was found at the location given in Signature-Key: countersign discover <identifier> shows what is published there.',
  },
  tokenRemarks: () => [],
  async chooseSignatureKey(flags, signer, tell) {
    const implied =
      flags.token !== undefined ? 'jwt' : flags.id !== undefined || flags.jwksUri !== undefined ? 'jwks' : 'hwk'
    const scheme = (flags.scheme ?? implied) as Scheme
    requireFlagsOf(scheme, flags)
    switch (scheme) {
      case 'hwk': {
        const { kid: _kid, alg: _alg, use: _use, ...members } = signer.jwk
        return { scheme, jwk: members }
      }
      case 'jwks':
        return publishedKey(flags, signer.kid)
      case 'jwt':
        return { scheme, jwt: await requireToken(flags, signer, tell) }
    }
  },
}

type Scheme = 'hwk' | 'jwks' | 'jwt'

/** The flags that apply to each scheme. */
const schemeFlags: Readonly<Record<Scheme, readonly (keyof KeyReferenceFlags)[]>> = {
  hwk: [],
  jwks: ['id', 'wellKnown', 'jwksUri'],
  jwt: ['token'],
}

/** Requires that every flag applies to the scheme. */
function requireFlagsOf(scheme: Scheme, flags: KeyReferenceFlags): void {
  for (const [other, names] of Object.entries(schemeFlags)) {
    const given = names.find((name) => flags[name] !== undefined)
    if (other !== scheme && given !== undefined) {
      const flag = given.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
      throw usageError(`--${flag} applies to --scheme ${other}, not to ${scheme}.`)
    }
  }
}

function publishedKey({ key, id, wellKnown, jwksUri }: KeyReferenceFlags, kid: string): KeyReference {
  if (key === undefined) throw usageError('--scheme jwks requires --key, because a new key is not published anywhere.')
  if (jwksUri !== undefined) return { scheme: 'jwks', jwksUri, kid }
  if (id === undefined)
    throw usageError('--scheme jwks requires --id or --jwks-uri: the location where the key is published.')
  if (wellKnown === 'none') return { scheme: 'jwks', id, kid }
  const { agent, resource } = january.documents
  return { scheme: 'jwks', id, kid, wellKnown: (wellKnown === 'resource' ? resource : agent).name }
}

/** Parameter names, as spelled in the headers. */
const wireNames: Readonly<Record<string, string>> = {
  resourceToken: 'resource_token',
  authServer: 'auth_server',
  algorithms: 'algs',
  wellKnown: 'well-known',
  jwksUri: 'jwks',
}

function asWritten(parsed: object): Record<string, unknown> {
  const given = Object.entries(parsed).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([name, value]) => [wireNames[name] ?? name, value]))
}
