import { AAuthError } from '../../../index.js'
import { documentResponse, documentUrl, type Found, findTokenKey } from '../../../low-level-exports/discovery.js'
import {
  draft11Documents,
  draft11Jose,
  draft11Tokens,
  type PersonDocument,
  type PersonTokenClaims,
  readJson,
  writeRefusal,
} from '../../../low-level-exports/draft-11.js'
import type { VerificationKey } from '../../../low-level-exports/signatures.js'
import { decodeToken, publishedJwk, type TokenType, verifyToken } from '../../../low-level-exports/tokens.js'
import type { TestServer, TestServerTools } from '../../test-edition.js'
import type { OriginHandler } from '../../test-origins.js'
import { type Consents, createConsents } from './consents.js'
import { createPersonContext, malformed, type PersonContext, requireAgent, type SigningAgent } from './signing-agent.js'
import { sendRevocation } from './test-tokens.js'

type Members = Readonly<Record<string, unknown>>

const paths = {
  keys: '/person/jwks.json',
  token: '/person/token',
  authorize: '/person/authorize',
  pending: '/person/pending/',
  interact: '/person/interact',
} as const

/** A person server (draft -11 §7) with users who decide without a page. */
export function createPersonServer(tools: TestServerTools): TestServer {
  const context = createPersonContext(tools)
  const { issuer, grants, issued, clock, fetch } = context
  const consents = createConsents(context, paths)
  const metadata: PersonDocument = {
    issuer,
    jwks_uri: issuer + paths.keys,
    person_token_endpoint: issuer + paths.token,
    auth_token_endpoint: issuer + paths.authorize,
  }
  const keys = [publishedJwk(grants.signer.jwk, draft11Jose)]

  return {
    routes: new Map<string, OriginHandler>([
      [`GET ${documentUrl(draft11Documents.authServer, issuer)}`, () => documentResponse(metadata)],
      [`GET ${metadata.jwks_uri}`, () => documentResponse({ keys })],
      [`POST ${metadata.person_token_endpoint}`, (request) => issuePersonToken(context, consents, request)],
      [`POST ${metadata.auth_token_endpoint}`, (request) => issueAuthToken(context, consents, request)],
      [`GET ${issuer}${paths.interact}`, (request) => consents.interact(request)],
      [`GET ${issuer}${paths.pending}`, (request) => consents.poll(request)],
      [`DELETE ${issuer}${paths.pending}`, (request) => consents.poll(request)],
    ]),
    writeRefusal: (error) => writeRefusal(error),
    async tellRevoked() {
      for (const each of issued.values()) {
        const { grant, jwt } = each
        if (!grant.isRevoked || each.isRevoked) continue
        each.isRevoked = true
        await sendRevocation(grants, { resource: grant.resource, jwt, clock, fetch })
      }
    },
  }
}

/** A token with which an agent acts as its user at one resource (draft -11 §7.1). */
async function issuePersonToken(context: PersonContext, consents: Consents, request: Request): Promise<Response> {
  const { agent, body } = await requireAgent(context, request)
  const members = readJson(request.headers.get('content-type'), body)
  const resource = textIn(members, 'resource')
  return consents.grantOrAsk(agent, { kind: 'person', resource, scope: '' }, members.capabilities)
}

/** A token with which an agent does what its user allows at one resource (draft -11 §7.2). */
async function issueAuthToken(context: PersonContext, consents: Consents, request: Request): Promise<Response> {
  const { discovery, issuer, now } = context
  const { agent, body } = await requireAgent(context, request)
  const members = readJson(request.headers.get('content-type'), body)
  const { claims } = await verifyToken(draft11Tokens.resource, textIn(members, 'resource_token'), {
    audience: issuer,
    now,
    findKey: findTokenKey(discovery, draft11Documents.resource, requireKey('resource')),
  })
  const { iss: resource, scope = '', presented_jti: presentedJti, sub, ps } = claims
  if (claims.agent_jkt !== agent.thumbprint) throw invalid('resource', 'it is for another key')
  const presented = await requirePresented(context, agent, textIn(members, 'presented_token'), resource)
  if (presentedJti !== presented.jti || sub !== presented.sub || ps !== issuer)
    throw invalid('resource', 'it does not belong to the presented token')
  const wanted = { kind: 'auth', resource, scope, notAfter: presented.exp } as const
  return consents.grantOrAsk(agent, wanted, members.capabilities)
}

/** The token that the agent presented to the resource, which this server issued to it. */
async function requirePresented(
  { discovery, issuer, issued, now }: PersonContext,
  { delegate, thumbprint }: SigningAgent,
  jwt: string,
  resource: string,
): Promise<PersonTokenClaims> {
  const type = decodeToken(jwt)?.header.typ === draft11Tokens.auth.typ ? draft11Tokens.auth : draft11Tokens.person
  const { claims, confirmationKey } = await verifyToken(type as TokenType<PersonTokenClaims>, jwt, {
    audience: resource,
    issuers: [issuer],
    now,
    findKey: findTokenKey(discovery, draft11Documents.authServer, requireKey('presented')),
  })
  if (confirmationKey?.thumbprint !== thumbprint) throw invalid('presented', 'it is for another key')
  const issue = issued.get(claims.jti)
  if (issue?.delegate !== delegate) throw invalid('presented', 'it was not issued to this agent')
  if (issue.grant.isRevoked) throw invalid('presented', 'it was revoked', 'revoked')
  return claims
}

function textIn(members: Members, name: string): string {
  const value = members[name]
  if (typeof value === 'string' && value !== '') return value
  throw malformed(`${name} is missing.`)
}

type Parameter = 'resource' | 'presented'

function invalid(which: Parameter, why: string, how = 'invalid'): AAuthError {
  const error = `${how}_${which}_token`
  return new AAuthError('request_malformed', `The ${which} token was rejected: ${why}.`, { error })
}

function requireKey(which: Parameter): (found: Found<VerificationKey>) => VerificationKey {
  return (found) => {
    if ('found' in found) return found.found
    throw invalid(which, found.failure.message)
  }
}
