import type { Signer } from 'countersign'
import { january } from 'countersign/editions'
import { issueToken } from 'countersign/tokens'
import type { Stage } from './stage.js'

/** Builds a compact JWT with any header and claims. */
export async function craftToken(header: object, claims: object, signer: Signer): Promise<string> {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${Buffer.from(await signer.sign(input)).toString('base64url')}`
}

/** Encodes a value's JSON as base64url. */
export function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Claims of a resource token requested with the agent's own key. */
export function resourceClaims(stage: Stage, { agent, jkt }: { agent?: string; jkt?: string } = {}) {
  return {
    iss: stage.resource.id,
    aud: stage.authServer,
    agent: agent ?? stage.agent.id,
    agent_jkt: jkt ?? stage.agent.signer.thumbprint,
    scope: 'data.read',
    iat: stage.clock.now,
    exp: stage.clock.now + 600,
    jti: crypto.randomUUID(),
  }
}

/** Issues a resource token with some claims changed. */
export function resourceToken(
  stage: Stage,
  changes: Record<string, unknown> = {},
  signer: Signer = stage.resource.signer,
): Promise<string> {
  return issueToken(january.tokens.resource, { ...resourceClaims(stage), ...changes }, { signer })
}

/** Builds a resource token without some of its claims. */
export async function resourceTokenWithout(stage: Stage, ...claims: string[]): Promise<string> {
  const kept = Object.entries(resourceClaims(stage)).filter(([name]) => !claims.includes(name))
  const { kid } = stage.resource.signer
  return craftToken({ alg: 'EdDSA', kid, typ: 'resource+jwt' }, Object.fromEntries(kept), stage.resource.signer)
}
