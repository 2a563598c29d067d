import type { Signer } from 'countersign'
import type { Case, Outcome } from './attack.js'
import { accepted, craft, form, type Parts, unknownKey } from './crafted-cases.js'
import { ids, signers } from './parties.js'
import type { Stage } from './stage.js'

/** A token before it is assembled; the header and claims may contain anything. */
export interface TokenParts {
  header: Record<string, unknown>
  claims: Record<string, unknown>
  signer: Signer
}

/** The result of forging a valid token's parts: other parts, or a complete text. */
export type Forge = (
  parts: TokenParts,
  stage: Stage,
) => Partial<TokenParts> | string | Promise<Partial<TokenParts> | string>

type TokenKind = 'agent+jwt' | 'resource+jwt' | 'auth+jwt' | 'revocations+jwt'

/** A place where a token is accepted. */
export interface Slot {
  name: string
  kind: TokenKind
  /** The party that must be in `aud` there. */
  audience: string
  issuer: string
  parts: (stage: Stage) => TokenParts
  /** A message that carries the token there. */
  bring: (stage: Stage, jwt: string) => Promise<Parts>
  invalid: Outcome
  expired: Outcome
  /** The outcome for a key that the issuer does not publish. */
  unknownKey: Outcome
}

const issuedBy = (kind: TokenKind, signer: Signer) => ({ alg: 'EdDSA', kid: signer.kid, typ: kind })
function agentParts({ clock }: Stage): TokenParts {
  return {
    header: issuedBy('agent+jwt', signers.agent),
    claims: {
      iss: ids.agent,
      sub: 'delegate-1',
      cnf: { jwk: signers.delegate.jwk },
      iat: clock.now,
      exp: clock.now + 600,
    },
    signer: signers.agent,
  }
}

function resourceParts({ clock }: Stage): TokenParts {
  return {
    header: issuedBy('resource+jwt', signers.resource),
    claims: {
      iss: ids.resource,
      aud: ids.authServer,
      agent: ids.agent,
      agent_jkt: signers.agent.thumbprint,
      scope: 'data.read',
      iat: clock.now,
      exp: clock.now + 600,
    },
    signer: signers.resource,
  }
}

function authParts({ clock }: Stage): TokenParts {
  return {
    header: issuedBy('auth+jwt', signers.authServer),
    claims: {
      iss: ids.authServer,
      aud: ids.resource,
      agent: ids.agent,
      sub: 'user-1',
      scope: 'data.read',
      cnf: { jwk: signers.delegate.jwk },
      iat: clock.now,
      exp: clock.now + 600,
    },
    signer: signers.authServer,
  }
}

const byDelegate = (jwt: string) => ({ signer: signers.delegate, signatureKey: { scheme: 'jwt', jwt } }) as const
const invalidAuthToken: Outcome = {
  status: 401,
  error: 'invalid_auth_token',
  agentAuth: /^httpsig; auth-token$/,
}

/** Asks the auth server for an authorization, with a resource token for the current signing key. */
function authForm(resourceToken: string, parts: Parts = {}): Parts {
  const redirect = `${ids.agent}/callback`
  return form({ request_type: 'auth', resource_token: resourceToken, redirect_uri: redirect }, parts)
}

async function delegatedForm(stage: Stage, jwt: string): Promise<Parts> {
  const { header, claims, signer } = resourceParts(stage)
  const bound = { ...claims, agent_jkt: signers.delegate.thumbprint }
  return authForm(await assemble({ header, claims: bound, signer }), byDelegate(jwt))
}

export type SlotName = 'agentAtResource' | 'agentAtTokenEndpoint' | 'resource' | 'auth'

/** The four slots of the January edition; the fifth, for upstream tokens, comes with token exchange. */
export const slots: Readonly<Record<SlotName, Slot>> = {
  agentAtResource: {
    name: 'an agent token at a resource',
    kind: 'agent+jwt',
    audience: ids.resource,
    issuer: ids.agent,
    parts: agentParts,
    bring: async (_stage, jwt) => ({ target: '/identity', ...byDelegate(jwt) }),
    invalid: { status: 401, error: 'invalid_agent_token' },
    expired: { status: 401, error: 'expired_agent_token' },
    unknownKey,
  },
  agentAtTokenEndpoint: {
    name: 'an agent token at the token endpoint',
    kind: 'agent+jwt',
    audience: ids.authServer,
    issuer: ids.agent,
    parts: agentParts,
    bring: delegatedForm,
    invalid: { status: 401, error: 'invalid_agent_token' },
    expired: { status: 401, error: 'expired_agent_token' },
    unknownKey,
  },
  resource: {
    name: 'a resource token',
    kind: 'resource+jwt',
    audience: ids.authServer,
    issuer: ids.resource,
    parts: resourceParts,
    bring: async (_stage, jwt) => authForm(jwt),
    invalid: { status: 400, error: 'invalid_resource_token' },
    expired: { status: 400, error: 'expired_resource_token' },
    unknownKey: { status: 400, error: 'invalid_resource_token' },
  },
  auth: {
    name: 'an auth token',
    kind: 'auth+jwt',
    audience: ids.resource,
    issuer: ids.authServer,
    parts: authParts,
    bring: async (_stage, jwt) => ({ target: '/read', ...byDelegate(jwt) }),
    invalid: invalidAuthToken,
    expired: {
      status: 401,
      error: 'expired_auth_token',
      agentAuth: /^httpsig; auth-token; resource_token=/,
      minted: 1,
    },
    unknownKey: invalidAuthToken,
  },
}
const slotNames: readonly SlotName[] = ['agentAtResource', 'agentAtTokenEndpoint', 'resource', 'auth']

/** The verdict on a token. `local`: invalid, and no key of its issuer is fetched. */
export type Verdict = 'accepted' | 'local' | 'invalid' | 'expired' | 'unknownKey'

/** A case about a token, which can also be judged without the surrounding request. */
export interface TokenCase extends Case {
  token: { slot: Slot; forge: Forge; verdict: Verdict } | undefined
}

interface ForgedOptions {
  slots?: readonly SlotName[]
  /** The verdict depends on the surrounding request. @default false */
  needsRequest?: boolean
  options?: Case['options']
}

/** A valid token with one change, in every slot or in some. */
export function forged(
  claim: string,
  forge: Forge,
  verdict: Verdict,
  { slots: names = slotNames, needsRequest = false, options }: ForgedOptions = {},
): TokenCase[] {
  return names.map((name) => {
    const slot = slots[name]
    return {
      claim: `${claim}, in ${slot.name}`,
      ...(options ? { options } : {}),
      valid: async (stage) => craft(stage, await slot.bring(stage, await assemble(slot.parts(stage)))),
      attack: async (stage) => {
        const message = await craft(stage, await slot.bring(stage, await forgeToken(slot, forge, stage)))
        return () => stage.send(message)
      },
      expected: outcomeOf(slot, verdict),
      token: needsRequest ? undefined : { slot, forge, verdict },
    }
  })
}

function outcomeOf(slot: Slot, verdict: Verdict): Outcome {
  if (verdict === 'accepted') return accepted
  return verdict === 'local' ? { ...slot.invalid, unasked: slot.issuer } : slot[verdict]
}

/** The text that the forge makes from the slot's valid token. */
export async function forgeToken(slot: Slot, forge: Forge, stage: Stage): Promise<string> {
  const parts = slot.parts(stage)
  const made = await forge(parts, stage)
  return typeof made === 'string' ? made : assemble({ ...parts, ...made })
}

/** Signs a token with arbitrary content; its signing input is assembled here. Undefined members are left out. */
export async function assemble({ header, claims, signer }: TokenParts): Promise<string> {
  return signText(`${encode(JSON.stringify(header))}.${encode(JSON.stringify(claims))}`, signer)
}

/** Signs any text as the first two parts of a token. */
export async function signText(input: string, signer: Signer): Promise<string> {
  return `${input}.${Buffer.from(await signer.sign(input)).toString('base64url')}`
}

export function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}

/** The key and reference that sign a request with a valid auth token. */
export async function authorized(stage: Stage): Promise<Parts> {
  return byDelegate(await assemble(authParts(stage)))
}

/** The valid token with claims changed. */
export const claiming =
  (claims: (stage: Stage, audience: string) => Record<string, unknown>): Forge =>
  (parts, stage) => ({ claims: { ...parts.claims, ...claims(stage, String(parts.claims.aud)) } })

/** The valid token with its header changed. */
export const headed =
  (header: Record<string, unknown>): Forge =>
  (parts) => ({ header: { ...parts.header, ...header } })
