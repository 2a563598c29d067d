import { randomBytes } from 'node:crypto'
import { createSigner, generatePrivateJwk } from 'countersign'
import { fixedKeys, type SigningKeys } from 'countersign-server'
import { expect, it } from 'vitest'
import rfc9421 from '../../../../countersign/vectors/rfc9421-appendix-b.json' with { type: 'json' }
import { openMapStage } from '../../attacks/stage.js'
import { allowed, decide, openStage, redeem } from './oauth-stage.js'

const secret = randomBytes(32)
const algorithm = 'ecdsa-p256-sha256'

type PrivateJwk = Parameters<typeof createSigner>[0]

/** The errors that an operator sees if January has one key and this edition others, and the status of the token endpoint after them. */
async function outcomeOf(january: PrivateJwk, oauth: PrivateJwk, retired: readonly PrivateJwk[] = [], atStart = 1) {
  const errors: string[] = []
  const old = await Promise.all(retired.map(async (jwk) => (await createSigner(jwk)).jwk))
  const stage = await openWith(january, fixedKeys({ signer: await createSigner(oauth), secret, retired: old }), errors)
  await expect.poll(() => errors).toHaveLength(atStart)
  const code = (await decide(stage)).searchParams.get('code') ?? ''
  const { status } = await redeem(stage, code)
  return { errors, status }
}

async function openWith(january: PrivateJwk, keys: SigningKeys, errors: string[]) {
  const retired = [(await createSigner(await generatePrivateJwk({ kid: 'j0', algorithm }))).jwk]
  const shared = fixedKeys({ signer: await createSigner(january), secret, retired })
  return openStage({ keys }, (given) =>
    openMapStage({ ...given, keys: shared, onError: (error) => errors.push(String(error)) }),
  )
}

it('keys of another edition sign nothing, and the operator is told', async () => {
  const january = await generatePrivateJwk({ kid: 'j1', algorithm })
  const own = await generatePrivateJwk({ kid: 'o1', algorithm })
  const cases: [PrivateJwk, PrivateJwk[]][] = [
    [january, []],
    [{ ...january, kid: 'o2' }, []],
    [await generatePrivateJwk({ kid: 'j1', algorithm }), []],
    [own, [{ ...january, kid: 'o3' }]],
  ]
  for (const [oauth, retired] of cases) {
    const { errors, status } = await outcomeOf(january, oauth, retired)
    expect(status).toBe(503)
    expect(errors[0]).toMatch(/keys: the key \w+ is also one of another edition; create keys for this edition alone/)
  }
  expect(await outcomeOf(january, own, [], 0)).toEqual({ errors: [], status: 200 })
})

it('keys that stay the same are compared once', async () => {
  const january = await generatePrivateJwk({ kid: 'j1', algorithm })
  const signer = await createSigner(await generatePrivateJwk({ kid: 'o1', algorithm }))
  let compared = 0
  const publicKeys = async () => {
    compared++
    return [signer.jwk]
  }
  const stage = await openWith(january, { signer: async () => signer, publicKeys }, [])
  for (const _time of [1, 2]) expect((await allowed(stage)).status).toBe(200)
  expect(compared).toBe(1)
})

it('a key that is printed in a standard is refused at once', async () => {
  const printed = { ...rfc9421.keys['test-key-ed25519'], ...rfc9421.ed25519PrivateKey, kid: 'o1' } as PrivateJwk
  const keys = fixedKeys({ signer: await createSigner(printed), secret })
  await expect(openStage({ keys })).rejects.toThrow('is an example in RFC 9421')
})

it('keys that are replaced while the server runs are checked again', async () => {
  const january = await generatePrivateJwk({ kid: 'j1', algorithm })
  let signer = await createSigner(await generatePrivateJwk({ kid: 'o1', algorithm }))
  const errors: string[] = []
  const stage = await openWith(january, { signer: async () => signer, publicKeys: async () => [signer.jwk] }, errors)
  expect((await allowed(stage)).status).toBe(200)
  signer = await createSigner(january)
  expect((await allowed(stage)).status).toBe(503)
  expect(errors).toEqual([expect.stringContaining('is also one of another edition')])
})
