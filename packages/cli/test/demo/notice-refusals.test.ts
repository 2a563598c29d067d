import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { expect, it } from 'vitest'
import { createMistakeFinder, type MistakeFinder } from '../../src/demo/notice-refusals.js'

const newSigner = async () => createSigner(await generatePrivateJwk({ kid: 'key-1' }))

function publish(finder: MistakeFinder, url: string, document: object): void {
  finder.note({
    kind: 'response-received',
    exchange: 1,
    from: 'resource',
    to: 'agent',
    request: { method: 'GET', url, headers: [], body: null },
    response: { status: 200, headers: [], body: JSON.stringify(document) },
  })
}

/** A request whose signature base ended with a line feed. */
async function mistaken(id: string, signer: Signer, reference: { wellKnown?: string }) {
  const url = 'https://api.example/data'
  const signed = await signRequest(new Request(url), {
    profile: january.signing,
    signer: { ...signer, sign: (base) => signer.sign(`${String(base)}\n`) },
    signatureKey: { scheme: 'jwks', id, kid: 'key-1', ...reference },
    created: 1_800_000_000,
  })
  return { method: 'GET', url, headers: [...signed.headers], body: null }
}

it('verifies with the signer’s key if several parties use the same kid', async () => {
  const finder = createMistakeFinder(january)
  const agents = ['https://one.example', 'https://other.example']
  const signers = await Promise.all(agents.map(newSigner))
  for (const [place, id] of agents.entries()) {
    publish(finder, `${id}/.well-known/aauth-agent`, { agent: id, jwks_uri: `${id}/keys` })
    publish(finder, `${id}/keys`, { keys: [signers[place]?.jwk] })
  }
  for (const [place, id] of agents.entries()) {
    for (const reference of [{ wellKnown: 'aauth-agent' }, {}]) {
      const request = await mistaken(id, signers[place] as Signer, reference)
      expect(await finder.find(request), id).toContain('a trailing line feed')
    }
  }
})
