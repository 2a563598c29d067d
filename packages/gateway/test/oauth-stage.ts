import { type IncomingHttpHeaders, type RequestListener, request as sendRequest } from 'node:http'
import { createSigner, generatePrivateJwk } from 'countersign'
import { createResource, type Resource, type ResourceOptions } from 'countersign/resource'
import type { GatewayOptions } from 'countersign-gateway'
import { signAccessToken } from '../../countersign/test/access-token.js'
import { agentDocuments, documentFetch, issuerDocuments, oauthDocuments } from '../../countersign/test/origins.js'
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
/** An access token for the resource at a path. */
export const tokenFor = (path: string, scope: string, claims: Record<string, unknown> = {}): Promise<string> =>
  signAccessToken(
    { iss: authServer, aud: `${id}${path}`, sub: 'person-1', client_id: client, scope, ...claims },
    { signer: oauthSigner },
  )

/** The resource of `openResource`, which also finds the keys of access tokens. */
export function openOAuthResource(options: Partial<ResourceOptions> = {}): Resource {
  const { fetch } = documentFetch({
    ...agentDocuments(agent, [agentSigner.jwk]),
    ...issuerDocuments(authServer, [issuerSigner.jwk]),
    ...oauthDocuments(authServer, [oauthSigner.jwk]),
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
