import { expect, it, onTestFinished } from 'vitest'
import { resourceToken } from '../../attacks/crafted-token.js'
import { allow, authRequest, refresh, refreshTokenOf, signForm, type TokenRequest } from '../../attacks/flow.js'
import { identityOf, newSigner } from '../../attacks/party.js'
import { openMapStage, type Stage } from '../../attacks/stage.js'
import { secretHash } from '../../secret-hash.js'

async function open(): Promise<Stage> {
  const stage = await openMapStage()
  onTestFinished(() => stage.close())
  return stage
}

async function refusal(response: Response): Promise<{ status: number; error: string }> {
  const { error } = (await response.json()) as { error: string }
  return { status: response.status, error }
}

const send = async (stage: Stage, request: TokenRequest) => refusal(await stage.fetch(await signForm(stage, request)))

it('rejects a resource token whose agent_jkt is not the signing key', async () => {
  const stage = await open()
  const request = await authRequest(stage)
  const { thumbprint } = await newSigner()
  request.form.set('resource_token', await resourceToken(stage, { agent_jkt: thumbprint }))
  expect(await send(stage, request)).toEqual({ status: 400, error: 'invalid_resource_token' })
})

it('rejects a resource token of another agent', async () => {
  const stage = await open()
  const request = await authRequest(stage)
  request.form.set('resource_token', await resourceToken(stage, { agent: stage.otherAgent.id }))
  expect(await send(stage, request)).toEqual({ status: 400, error: 'invalid_resource_token' })
})

it.each([
  ['at another host', { method: 'DELETE', target: 'https://other.example/files/7' }],
  ['with a space in its method', { method: 'GET https://api.example/a', target: 'https://api.example/files/7' }],
  ['with characters that a URL cannot have', { method: 'DELETE', target: 'https://api.example/files/\u202e7' }],
  ['with a URL that is too long', { method: 'DELETE', target: `https://api.example/${'x'.repeat(2100)}` }],
  ['with a digest that is no text', { method: 'DELETE', target: 'https://api.example/files/7', digest: 7 }],
  ['that is no object', 'DELETE https://api.example/files/7'],
  ['that is null', null],
])('rejects a resource token for a call %s', async (_what, call) => {
  const stage = await open()
  const request = await authRequest(stage)
  const named = JSON.parse(JSON.stringify(call).replaceAll('https://api.example', stage.resource.id))
  request.form.set('resource_token', await resourceToken(stage, { scope: 'data.delete', call: named }))
  expect(await send(stage, request)).toEqual({ status: 400, error: 'invalid_resource_token' })
})

it('rejects an auth_request_url next to a resource token', async () => {
  const stage = await open()
  const request = await authRequest(stage)
  request.form.set('auth_request_url', `${stage.resource.id}/request`)
  expect(await send(stage, request)).toEqual({ status: 400, error: 'invalid_request' })
})

it('rejects a revoked refresh token with invalid_grant', async () => {
  const stage = await open()
  const token = await refreshTokenOf(stage, await allow(stage, undefined, { duration: 'until-removed' }))
  const agent = identityOf(stage.agent)
  expect((await refresh(stage, agent, token)).status).toBe(200)
  await stage.storage.revokeRefreshToken({ tokenHash: secretHash(token), agent: agent.agent, delegate: null })
  expect(await refusal(await refresh(stage, agent, token))).toEqual({ status: 400, error: 'invalid_grant' })
})
