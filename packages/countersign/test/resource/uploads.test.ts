import { createHash } from 'node:crypto'
import { type ContentDigests, createSigner, generatePrivateJwk, type ReceivedMessage } from 'countersign'
import { AAuthError, createResource } from 'countersign/resource'
import type { NonceClaim } from 'countersign/signatures'
import { describe, expect, it } from 'vitest'
import { holdClock } from '../../../../test/hold-clock.js'
import { agentDocuments, documentFetch } from '../origins.js'
import {
  agent,
  agentSigner,
  authServer,
  byAgent,
  byToken,
  id,
  mayRead,
  mayWrite,
  openResource,
  resourceSigner,
  signed,
} from './events-resource.js'

const content = Buffer.from('{"title":"lunch"}')

async function uploaded(
  signatureKey = byAgent,
  more: Record<string, string> = {},
): Promise<{ message: ReceivedMessage; took: ContentDigests[] }> {
  const init = { method: 'POST', body: content, headers: { 'content-type': 'application/json', ...more } }
  const request = await signed('/events', init, signatureKey)
  const took: ContentDigests[] = []
  const message = {
    method: 'POST',
    rawTarget: '/events',
    rawHeaders: [...request.headers, ['host', 'api.example']].flat(),
    body: () => Promise.reject(new Error('the body was read')),
    upload: {
      isAnnounced: true,
      async take(digests: ContentDigests | undefined) {
        if (digests) took.push(digests)
      },
    },
  }
  return { message, took }
}

describe('an upload', () => {
  it('is received with the digest that the signature covers, after everything else was verified', async () => {
    const { message, took } = await uploaded()
    const { body } = await openResource().verify(message, mayWrite)
    expect(body).toHaveLength(0)
    const digest = createHash('sha256').update(content).digest('base64')
    expect(took).toEqual([new Map([['sha-256', digest]])])
  })

  it('is not received if the signature does not match the request', async () => {
    const { message, took } = await uploaded()
    const changed = { ...message, rawTarget: '/others' }
    await expect(openResource().verify(changed, mayWrite)).rejects.toMatchObject({ code: 'signature_mismatch' })
    expect(took).toEqual([])
  })

  it('is not received below the required level, nor without the required scope', async () => {
    const low = await uploaded()
    await expect(openResource().verify(low.message, mayRead)).rejects.toMatchObject({ code: 'authorization_required' })
    const narrow = await uploaded(await byToken('events.other'))
    await expect(openResource().verify(narrow.message, mayRead)).rejects.toMatchObject({ code: 'scope_insufficient' })
    expect([...low.took, ...narrow.took]).toEqual([])
  })

  it('S50: is not received if the nonce was used, and claims the nonce before it takes longer than nonces are stored', async () => {
    const clock = holdClock()
    const claims: string[] = []
    const claimNonce = ({ key }: NonceClaim) => {
      const isNew = !claims.includes(key)
      claims.push(key)
      return isNew
    }
    const resource = openResource({ claimNonce })
    const { message } = await uploaded(byAgent, { nonce: 'Y3VyaW91c2x5Y3VyaW91cw' })
    let taken = 0
    const take = async () => {
      taken++
      expect(claims).toHaveLength(1)
      clock.pass(300)
    }
    const slow = { ...message, upload: { isAnnounced: true, take } }
    await resource.verify(slow, mayWrite)
    clock.pass(-300)
    await expect(resource.verify(slow, mayWrite)).rejects.toMatchObject({ code: 'nonce_replayed' })
    expect([taken, claims.length]).toEqual([1, 2])
  })

  it('rejects the request if the upload is rejected', async () => {
    const { message } = await uploaded()
    const take = () => Promise.reject(new AAuthError('digest_mismatch', 'It is another body.'))
    const refused = openResource().verify({ ...message, upload: { isAnnounced: true, take } }, mayWrite)
    await expect(refused).rejects.toMatchObject({ code: 'digest_mismatch', challenge: {} })
  })

  it('that is not announced must not be covered', async () => {
    const { message } = await uploaded()
    const upload = { isAnnounced: false, take: () => Promise.reject(new Error('taken')) }
    await expect(openResource().verify({ ...message, upload }, mayWrite)).rejects.toMatchObject({
      code: 'component_forbidden',
    })
  })
})

describe('an upload that arrives slowly', () => {
  const until = (seconds: number) => ({ exp: Math.floor(Date.now() / 1000) + seconds })

  async function slowly(take: () => void, exp: number): Promise<ReceivedMessage> {
    const { message } = await uploaded(await byToken('events.read', until(exp)))
    return { ...message, upload: { isAnnounced: true, take: async () => take() } }
  }

  it('B26: is refused with a challenge if its auth token expires in the meantime, at every level', async () => {
    const clock = holdClock()
    for (const required of [mayRead, mayWrite, { require: 'signature' } as const]) {
      const message = await slowly(() => clock.pass(31), 30)
      await expect(openResource().verify(message, required)).rejects.toMatchObject({
        code: 'auth_token_expired',
        challenge: { level: 'authorization' },
      })
    }
    const requirementOf = () => mayRead
    const message = await slowly(() => clock.pass(31), 30)
    await expect(openResource().verify(message, { ...mayWrite, requirementOf })).rejects.toMatchObject({
      code: 'auth_token_expired',
      challenge: { level: 'authorization', scope: 'events.read', binding: { agent: 'https://agent.example' } },
    })
  })

  it('is accepted if the token is still valid', async () => {
    const clock = holdClock()
    const message = await slowly(() => clock.pass(29), 30)
    expect(await openResource().verify(message, mayRead)).toMatchObject({ sub: 'person-1' })
  })

  it('is refused if the key was replaced in the meantime', async () => {
    const clock = holdClock()
    const documents = { ...agentDocuments(agent, [agentSigner.jwk]) }
    const { fetch } = documentFetch(documents)
    const resource = createResource({ id, signer: resourceSigner, authServer, fetch })
    const { message } = await uploaded()
    async function take() {
      const other = await createSigner(await generatePrivateJwk({ kid: 'key-1' }))
      Object.assign(documents, agentDocuments(agent, [other.jwk]))
      clock.pass(86_400)
    }
    const refused = resource.verify({ ...message, upload: { isAnnounced: true, take } }, mayWrite)
    await expect(refused).rejects.toMatchObject({ code: 'key_unknown' })
  })
})
