import { createHash, randomBytes } from 'node:crypto'
import { createSigner, generatePrivateJwk } from 'countersign'
import { fixedKeys } from 'countersign-server'
import { type OAuthOptions, oauthEdition } from 'countersign-server/editions/oauth'
import { expect, onTestFinished } from 'vitest'
import { openMapStage, people, type Stage } from '../../attacks/stage.js'
import { createScriptedUser } from '../../scripted-user.js'

export const issuer = 'https://auth.example'
export const clientId = 'https://client.example/oauth/client.json'
export const redirectUri = 'http://127.0.0.1:53123/callback'
export const resource = 'https://notes.example/mcp'
export const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const challenge = createHash('sha256').update(verifier).digest('base64url')

export const clientDocument = {
  client_id: clientId,
  client_name: 'Example',
  redirect_uris: ['http://127.0.0.1/callback', 'https://client.example/callback'],
  token_endpoint_auth_method: 'none',
}
export const resourceDocument = {
  resource,
  authorization_servers: [issuer],
  scopes_supported: ['connect', 'notes.read'],
  bearer_methods_supported: ['header'],
  resource_name: 'Notes',
  scope_descriptions: { connect: 'Connect', 'notes.read': 'See your notes', 'notes.write': 'Change your notes' },
}

export const json = (body: object) => Response.json(body)

export interface OAuthStage extends Stage {
  documents: Map<string, () => Response>
  fetched: string[]
}

/** @param open opens the auth servers */
export async function openStage(
  options: Partial<OAuthOptions> = {},
  open: typeof openMapStage = openMapStage,
): Promise<OAuthStage> {
  const documents = new Map([
    [clientId, () => json(clientDocument)],
    ['https://notes.example/.well-known/oauth-protected-resource/mcp', () => json(resourceDocument)],
  ])
  const fetched: string[] = []
  const keys = fixedKeys({
    signer: await createSigner(await generatePrivateJwk({ kid: 'o1', algorithm: 'ecdsa-p256-sha256' })),
    secret: randomBytes(32),
  })
  const stage = await open({ others: [oauthEdition({ keys, ...options })] })
  onTestFinished(() => stage.close())
  for (const [url, respond] of documents) {
    stage.origins?.set(new URL(url).origin, async (request) => {
      fetched.push(request.url)
      return (documents.get(request.url) ?? respond)()
    })
  }
  return { ...stage, documents, fetched }
}

const parameters = {
  response_type: 'code',
  client_id: clientId,
  redirect_uri: redirectUri,
  code_challenge: challenge,
  code_challenge_method: 'S256',
  state: 's+/=1',
  scope: 'connect notes.read',
  resource,
}

export const authorizeUrl = (changes: Record<string, string | undefined> = {}) => {
  const given = Object.entries({ ...parameters, ...changes }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  )
  return `${issuer}/oauth/authorize?${new URLSearchParams(given).toString()}`
}

/** Signs in on the way to the consent page, and returns the page. */
export async function openConsent(stage: OAuthStage, url = authorizeUrl(), user = createScriptedUser(stage.fetch)) {
  const signedOut = await user.open(url)
  const signIn = new URL(signedOut.headers.get('location') ?? '', issuer)
  expect(signIn.pathname).toBe('/account/sign-in')
  const form = await (await user.open(signIn.href)).text()
  const back = await user.submit(form, signIn.href, { ...people.alice, action: 'login' })
  for (const cookie of user.cookies.values()) stage.secrets.add(cookie)
  const again = await user.open(new URL(back.headers.get('location') ?? '', issuer).href)
  const consent = new URL(again.headers.get('location') ?? '', issuer).href
  return { user, consent, page: await (await user.open(consent)).text() }
}

export async function decide(
  stage: OAuthStage,
  consent: 'grant' | 'deny' = 'grant',
  url = authorizeUrl(),
): Promise<URL> {
  const opened = await openConsent(stage, url)
  const decided = await opened.user.submit(opened.page, opened.consent, { consent })
  expect(decided.status).toBe(303)
  const answer = new URL(decided.headers.get('location') ?? '')
  const code = answer.searchParams.get('code')
  if (code) stage.secrets.add(code)
  return answer
}

export const post = (stage: OAuthStage, path: string, form: Record<string, string>) =>
  stage.fetch(`${issuer}${path}`, { method: 'POST', body: new URLSearchParams(form) })

interface TokenAnswer {
  access_token: string
  refresh_token: string
  scope: string
  error: string
}

export async function token(stage: OAuthStage, form: Record<string, string>) {
  const response = await post(stage, '/oauth/token', { client_id: clientId, ...form })
  expect(response.headers.get('cache-control')).toBe('no-store')
  const answer = (await response.json()) as TokenAnswer
  for (const given of [answer.access_token, answer.refresh_token]) if (given) stage.secrets.add(given)
  return { status: response.status, ...answer }
}

/** The form with which a client redeems a code. */
export const codeForm = (code: string) => ({
  client_id: clientId,
  grant_type: 'authorization_code',
  code,
  code_verifier: verifier,
  redirect_uri: redirectUri,
  resource,
})

/** The form with which a client refreshes its access token. */
export const refreshForm = (refreshToken: string) => ({
  client_id: clientId,
  grant_type: 'refresh_token',
  refresh_token: refreshToken,
})

export const redeem = (stage: OAuthStage, code: string, changes: Record<string, string> = {}) =>
  token(stage, { ...codeForm(code), ...changes })

export const refresh = (stage: OAuthStage, refreshToken: string, changes: Record<string, string> = {}) =>
  token(stage, { ...refreshForm(refreshToken), ...changes })

/** A decision to allow, up to its code. */
export async function allowedCode(stage: OAuthStage, url?: string): Promise<string> {
  return (await decide(stage, 'grant', url)).searchParams.get('code') ?? ''
}

export async function allowed(stage: OAuthStage, url?: string) {
  return redeem(stage, await allowedCode(stage, url))
}
