import { type IncomingHttpHeaders, type RequestListener, request as sendRequest } from 'node:http'
import { createSigner, generatePrivateJwk } from 'countersign'
import { january } from 'countersign/editions'
import { createResource, type Resource, type ResourceOptions } from 'countersign/resource'
import { issueToken, registeredNames, type TokenType } from 'countersign/tokens'
import type { GatewayOptions } from 'countersign-gateway'
import { agentDocuments, documentFetch, issuerDocuments } from '../../countersign/test/origins.js'
import {
  agent,
  agentSigner,
  authServer,
  id,
  issuerSigner,
  resourceSigner,
} from '../../countersign/test/resource/events-resource.js'
import { openGateway } from './gateway-stage.js'

export const client = 'https://client.example/oauth/client.json'
export const both = ['aauth', 'oauth'] as const

const oauthSigner = await createSigner(await generatePrivateJwk({ kid: 'oauth-1' }))
const accessToken = {
  ...january.tokens.auth,
  typ: 'at+jwt',
  required: [],
  optional: [],
  jose: registeredNames,
} as TokenType<never>

/** An access token for the resource at a path. */
export function tokenFor(path: string, scope: string, claims: Record<string, unknown> = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  const whole = {
    iss: authServer,
    aud: `${id}${path}`,
    sub: 'person-1',
    client_id: client,
    scope,
    iat: now,
    exp: now + 600,
    jti: 'grant.family.1',
    ...claims,
  }
  return issueToken(accessToken, whole as never, { signer: oauthSigner })
}

/** The resource of `openResource`, which also finds the keys of access tokens. */
export function openOAuthResource(options: Partial<ResourceOptions> = {}): Resource {
  const { fetch } = documentFetch({
    ...agentDocuments(agent, [agentSigner.jwk]),
    ...issuerDocuments(authServer, [issuerSigner.jwk]),
    [`${authServer}/.well-known/oauth-authorization-server`]: {
      issuer: authServer,
      jwks_uri: `${authServer}/oauth/jwks.json`,
    },
    [`${authServer}/oauth/jwks.json`]: { keys: [oauthSigner.jwk] },
  })
  const scopes = {
    'events.read': 'See your events',
    'events.write': 'Change your events',
    'events.delete': 'Delete your events',
  }
  return createResource({ id, signer: resourceSigner, authServer, fetch, scopes, ...options })
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

/** A gateway in front of an upstream that records its requests. */
export async function openOAuthGateway(given: Partial<GatewayOptions> = {}, listener?: RequestListener) {
  const stage = await openGateway({ resource: openOAuthResource(), ...given }, listener)
  /** Sends a request with the host of the resource. Header lines may be repeated. */
  function send(method: string, path: string, lines: readonly string[] = [], body = ''): Promise<Answer> {
    const length = body === '' ? [] : ['Content-Length', String(Buffer.byteLength(body))]
    const headers = ['Host', 'api.example', ...length, ...lines]
    return new Promise((resolve, reject) => {
      const request = sendRequest({ method, path, host: '127.0.0.1', port: stage.port, headers, agent: false })
      request.once('error', reject)
      request.once('response', (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (chunk: string) => {
          text += chunk
        })
        answer.once('error', reject)
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }))
      })
      request.end(body)
    })
  }
  return { ...stage, send }
}

export const bearer = (token: string) => ['Authorization', `Bearer ${token}`]
