import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import type { KeyReference } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'

/** An agent or a resource, reduced to its externally visible parts: a document and keys, which tests can change freely. */
export interface Party {
  readonly id: string
  signer: Signer
  /** The published document. */
  document: Record<string, unknown>
  /** The published keys. */
  keys: object[]
  /** Responds with 503 to every request. */
  isDown: boolean
  /** Requested paths, in order. */
  readonly asked: string[]
  readonly handler: (request: Request) => Promise<Response>
}

/** Creates a party with a valid document of its kind. */
export async function createParty(
  kind: 'agent' | 'resource',
  id: string,
  members: Record<string, unknown>,
): Promise<Party> {
  const signer = await firstSigner(id)
  const party: Party = {
    id,
    signer,
    document: { [kind]: id, jwks_uri: `${id}/jwks.json`, ...members },
    keys: [signer.jwk],
    isDown: false,
    asked: [],
    handler: async (request) => {
      const { pathname } = new URL(request.url)
      party.asked.push(pathname)
      if (party.isDown) return new Response(null, { status: 503 })
      if (pathname === `/.well-known/aauth-${kind}`) return Response.json(party.document)
      if (pathname === '/jwks.json') return Response.json({ keys: party.keys })
      return new Response(null, { status: 404 })
    },
  }
  return party
}

const firstSigners = new Map<string, Promise<Signer>>()

/** Returns the initial key of a party, which is the same on every stage of a test file. */
function firstSigner(id: string): Promise<Signer> {
  const signer = firstSigners.get(id) ?? newSigner()
  firstSigners.set(id, signer)
  return signer
}

let signers = 0

/** Creates a new key with a unique key ID. */
export async function newSigner(): Promise<Signer> {
  return createSigner(await generatePrivateJwk({ kid: `key-${++signers}` }))
}

/** The signer of a request, and how the receiver finds the key. */
export interface Identity {
  agent: string
  signer: Signer
  signatureKey: KeyReference
}

/** The agent itself, with a key that it publishes. */
export function identityOf({ id, signer }: Party): Identity {
  return { agent: id, signer, signatureKey: { scheme: 'jwks', id, kid: signer.kid, wellKnown: 'aauth-agent' } }
}

/** A delegate of the agent, with its own key and an agent token for it. */
export async function delegateOf(
  party: Party,
  sub: string,
  now: number,
  claims: Record<string, unknown> = {},
): Promise<Identity> {
  const signer = await newSigner()
  const jwt = await issueToken(
    january.tokens.agent,
    { iss: party.id, sub, cnf: { jwk: signer.jwk }, iat: now, exp: now + 3600, ...claims },
    { signer: party.signer },
  )
  return { agent: party.id, signer, signatureKey: { scheme: 'jwt', jwt } }
}
