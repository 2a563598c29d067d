import type { Row } from './attack.js'
import { passes } from './crafted-cases.js'
import { agentReference, ids, signers } from './parties.js'
import { agentKeys } from './stage.js'
import { authorized, forged } from './token-slots.js'

const body = '{"action":"update"}'

/** The base cases of the three groups, which must pass wherever the attacks are rejected. */
export const controls: readonly Row[] = [
  {
    id: 'S',
    given: 'a valid signature',
    cases: [
      passes('GET'),
      passes('GET with a query', { target: '/data?a=1&b=%20' }),
      passes('HEAD', { method: 'HEAD' }),
      passes('DELETE', { method: 'DELETE' }),
      passes('POST without a body', { method: 'POST' }),
      passes('POST with a body', { method: 'POST', body }),
      passes('POST with a body, a query and a nonce', {
        method: 'POST',
        target: '/data?a=1',
        body,
        fields: { nonce: 'Y3VyaW91c2x5Y3VyaW91cw' },
      }),
      passes('another label', { label: 'sig-b26' }),
      passes('a key in the header', { signatureKey: 'own key' }),
      passes('an ECDSA key', { signatureKey: 'own key', signer: signers.ecdsa }),
      passes('if an identity is required', { target: '/identity' }),
      passes('not yet expired', ({ clock }) => ({ parameters: `;expires=${clock.now + 1}` })),
      passes('alg that matches the key', { parameters: ';alg="ed25519"' }),
    ],
  },
  {
    id: 'K',
    given: 'a key at the location that the signature names',
    cases: [
      passes('from an agent’s document'),
      passes('from a resource’s document', {
        signer: signers.resource,
        signatureKey: { ...agentReference, id: ids.resource, kid: signers.resource.kid, wellKnown: 'aauth-resource' },
      }),
      passes('from the URL of a JWKS', {
        signatureKey: { scheme: 'jwks', jwksUri: agentKeys, kid: signers.agent.kid },
      }),
      passes('from a JWKS at the id itself', ({ documents }) => {
        documents.set(ids.agent, { keys: [signers.agent.jwk] })
        return { signatureKey: { scheme: 'jwks', id: ids.agent, kid: signers.agent.kid } }
      }),
    ],
  },
  {
    id: 'T',
    given: 'a valid token in each slot',
    cases: [
      ...forged('as issued', () => ({}), 'accepted'),
      passes('an auth token if an identity is required', async (stage) => ({
        ...(await authorized(stage)),
        target: '/identity',
      })),
    ],
  },
]
