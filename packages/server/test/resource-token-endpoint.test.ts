import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { decodeToken } from 'countersign/tokens'
import { describe, expect, it } from 'vitest'
import { createWorld, ids, type World } from './world.js'

async function ask(world: World, form: Record<string, string> | string, signed = true): Promise<Response> {
  const request = new Request(`${ids.resource}/resource/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
  })
  if (!signed) return world.resource.handler(request)
  const signatureKey = { scheme: 'jwks', id: ids.agent, kid: 'key-1', wellKnown: 'aauth-agent' } as const
  return world.resource.handler(
    await signRequest(request, {
      profile: january.signing,
      signer: world.agentSigner,
      signatureKey,
      created: world.clock.now,
    }),
  )
}

describe('the resource token endpoint (S§9.2.5)', () => {
  it('returns a resource token for the requested scope to an identified agent', async () => {
    const world = await createWorld()
    expect(world.resource.metadata.resource_token_endpoint).toBe(`${ids.resource}/resource/token`)
    const response = await ask(world, { scope: 'data.read' })
    expect(response.status).toBe(200)
    const body = (await response.json()) as { resource_token: string }
    expect(body).toMatchObject({ auth_server: ids.authServer, expires_in: 600 })
    expect(decodeToken(body.resource_token)?.payload).toMatchObject({
      iss: ids.resource,
      aud: ids.authServer,
      agent: ids.agent,
      agent_jkt: world.agentSigner.thumbprint,
      scope: 'data.read',
    })
  })

  it.each([
    ['an unknown scope', { scope: 'data.admin' }, 400, 'invalid_scope'],
    ['no scope', {}, 400, 'invalid_request'],
    [
      'both scope and auth_request_url',
      { scope: 'data.read', auth_request_url: 'https://evil.example/x' },
      400,
      'invalid_request',
    ],
    ['a foreign auth_request_url', { auth_request_url: 'https://evil.example/x' }, 400, 'invalid_request'],
    ['a repeated scope', 'scope=data.read&scope=data.write', 400, 'invalid_request'],
  ] as const)('refuses %s (attacks R02)', async (_what, form, status, error) => {
    const response = await ask(await createWorld(), form)
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error })
  })

  it('issues nothing to an unsigned request', async () => {
    const response = await ask(await createWorld(), { scope: 'data.read' }, false)
    expect(response.status).toBe(401)
    expect(response.headers.get('agent-auth')).toBe('httpsig; identity=?1')
  })

  it('returns 405 for other methods', async () => {
    const world = await createWorld()
    const response = await world.resource.handler(new Request(`${ids.resource}/resource/token`))
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('POST')
  })
})
