import { draft11AgentSigning } from 'countersign/editions/draft-11'
import { signRequest } from 'countersign/signatures'
import type { Party } from '../../attacks/party.js'
import { type PersonStage, post, resourceToken } from './person-stage.js'

export const dwks = { agent: 'aauth-agent.json', resource: 'aauth-resource.json' } as const

/** Revokes a token as its issuer does. */
export async function revoke(
  stage: PersonStage,
  { id, signer }: Pick<Party, 'id' | 'signer'>,
  members: object,
  { dwk = dwks.agent, kid = signer.kid }: { dwk?: string; kid?: string } = {},
): Promise<Response> {
  const request = new Request(`${stage.authServer}/person/revoke`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(members),
  })
  const signatureKey = { scheme: 'jwks', id, kid, wellKnown: dwk } as const
  return stage.fetch(
    await signRequest(request, { profile: draft11AgentSigning, signer, signatureKey, created: stage.clock.now }),
  )
}

export const resource = { dwk: dwks.resource }

/** Asks for a token with one resource token. */
export async function askOnce(stage: PersonStage, jti: string, presented_token: string) {
  const resource_token = await resourceToken(stage, presented_token, { jti })
  const capabilities = ['interaction']
  const ask = () => post(stage, '/person/authorize', { resource_token, presented_token, capabilities })
  const withdraw = () => revoke(stage, stage.resource, { jti, exp: stage.clock.now + 300 }, resource)
  return { ask, withdraw }
}
