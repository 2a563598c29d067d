import { createSigner, generatePrivateJwk } from 'countersign'
import { importVerificationKey } from 'countersign/signatures'
import { issueToken, verifyToken } from 'countersign/tokens'
import { type AssertionClaims, assertionType } from 'countersign-gateway'
import { expect, it } from 'vitest'

const signer = await createSigner(await generatePrivateJwk({ kid: 'api-1' }))
const key = await importVerificationKey(signer.jwk)
const upstream = 'http://127.0.0.1:8080'

const claims: AssertionClaims = {
  iss: 'https://api.example',
  aud: upstream,
  exp: Math.floor(Date.now() / 1000) + 30,
  level: 'signature',
  proof: 'signature',
  agent_jkt: signer.thumbprint,
  method: 'GET',
  target: '/events',
}

async function verify(given: object) {
  const token = await issueToken(assertionType, given as AssertionClaims, { signer })
  return verifyToken(assertionType, token, { audience: upstream, findKey: () => ({ key }) })
}

it('assertionType accepts an assertion with all of its claims', async () => {
  expect(await verify(claims)).toMatchObject({ claims, expired: false })
})

it.each(['iss', 'aud', 'exp', 'level', 'agent_jkt', 'method', 'target'] as const)(
  'assertionType rejects an assertion without %s',
  async (claim) => {
    const { [claim]: _missing, ...others } = claims
    await expect(verify(others)).rejects.toMatchObject({ code: 'auth_token_invalid' })
  },
)

it('assertionType rejects a lifetime over 60 seconds', async () => {
  const soon = Math.floor(Date.now() / 1000)
  await expect(verify({ ...claims, exp: soon + 62 })).rejects.toMatchObject({ code: 'auth_token_invalid' })
})

it.each([
  ['agent', 'https://agent.example', 'agent.example'],
  ['agent_delegate', 'laptop-7', 7],
  ['client_id', 'c1', 7],
  ['auth_server', 'https://auth.example', 'auth.example'],
  ['sub', 'alice', ''],
  ['scope', 'events.read', ['events.read']],
])('assertionType accepts an assertion with %s: %j, and rejects %j', async (claim, valid, wrong) => {
  expect(await verify({ ...claims, [claim]: valid })).toMatchObject({ claims: { [claim]: valid } })
  await expect(verify({ ...claims, [claim]: wrong })).rejects.toMatchObject({ code: 'auth_token_invalid' })
})

it.each([
  ['level', 1],
  ['agent_jkt', 'AAAA'],
  ['method', 1],
  ['target', ''],
])('assertionType rejects an assertion whose %s is %j', async (claim, wrong) => {
  await expect(verify({ ...claims, [claim]: wrong })).rejects.toMatchObject({ code: 'auth_token_invalid' })
})
