import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import type { KeyReference } from 'countersign/signatures'
import { issueToken } from 'countersign/tokens'

/** An agent or a resource, reduced to what others see of it: a document and keys, both free to change. */
export interface Party {
  readonly id: string
  signer: Signer
  /** The published document. */
  document: Record<string, unknown>
  /** The published keys. */
  keys: object[]
  /** Answers 503 to everything. */
  isDown: boolean
  /** Paths that were asked for, in order. */
  readonly asked: string[]
  readonly handler: (request: Request) => Promise<Response>
}

/** A party with a valid document of its kind. */
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

/** The key that a party has at first, the same on every stage of a file. */
function firstSigner(id: string): Promise<Signer> {
  const signer = firstSigners.get(id) ?? newSigner()
  firstSigners.set(id, signer)
  return signer
}

let signers = 0

/** A new key with a name of its own. */
export async function newSigner(): Promise<Signer> {
  return createSigner(await generatePrivateJwk({ kid: `key-${++signers}` }))
}

/** Who signs a request, and how the receiver finds the key. */
export interface Identity {
  agent: string
  signer: Signer
  signatureKey: KeyReference
}

/** The agent itself, with a key it publishes. */
export function identityOf({ id, signer }: Party): Identity {
  return { agent: id, signer, signatureKey: { scheme: 'jwks', id, kid: signer.kid, wellKnown: 'aauth-agent' } }
}

/** A delegate of the agent, with a key of its own and an agent token for it. */
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
