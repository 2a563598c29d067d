import { january } from 'countersign/editions'
import { contentDigest, signMessage, signRequest } from 'countersign/signatures'
import { expect } from 'vitest'
import { createScriptedUser, type ScriptedUser } from '../scripted-user.js'
import { resourceToken } from './crafted-token.js'
import { type Identity, identityOf, type Party } from './party.js'
import { people, type Stage } from './stage.js'

/** A form for the token endpoint, before it is signed. */
export interface TokenRequest {
  by: Identity
  form: URLSearchParams
  /** Sent instead of the form. */
  body?: string
  contentType?: string
  /** Unix seconds. */
  created?: number
  /** Instead of a random one. */
  nonce?: string
  /** @default '/agent/token' */
  path?: string
}

/** Signs a form as is. */
export async function signForm(stage: Stage, request: TokenRequest): Promise<Request> {
  const { by, form, nonce } = request
  const url = stage.authServer + (request.path ?? '/agent/token')
  const body = request.body ?? form.toString()
  const type = request.contentType ?? 'application/x-www-form-urlencoded'
  const options = {
    profile: january.signing,
    signer: by.signer,
    signatureKey: by.signatureKey,
    created: request.created ?? stage.clock.now,
  }
  const init = { method: 'POST', body }
  if (nonce === undefined) return signRequest(new Request(url, { ...init, headers: { 'content-type': type } }), options)
  const { host: authority, pathname: path } = new URL(url)
  const fields = { 'content-type': type, 'content-digest': await contentDigest(Buffer.from(body)), nonce }
  const signature = await signMessage({ method: 'POST', authority, path, fields }, options)
  return new Request(url, { ...init, headers: { ...fields, ...signature } })
}

/** Overrides of the default request, which is to read data at the resource. */
export interface Asked {
  scope?: string
  resource?: Party
  redirectUri?: string
  /** Further parameters. */
  form?: Record<string, string>
}

/** Creates a valid authorization request, to be modified. */
export async function authRequest(
  stage: Stage,
  by: Identity = identityOf(stage.agent),
  { scope = 'data.read', resource = stage.resource, redirectUri = `${by.agent}/callback`, form = {} }: Asked = {},
): Promise<TokenRequest> {
  const claims = { iss: resource.id, scope, agent: by.agent, agent_jkt: by.signer.thumbprint }
  return {
    by,
    form: new URLSearchParams({
      request_type: 'auth',
      resource_token: await resourceToken(stage, claims, resource.signer),
      redirect_uri: redirectUri,
      ...form,
    }),
  }
}

/** Creates a valid request of an agent for access to itself (S§3.5). */
export function ownRequest(
  stage: Stage,
  scope: string,
  form: Record<string, string> = {},
  by: Identity = identityOf(stage.agent),
): TokenRequest {
  const redirectUri = `${by.agent}/callback`
  return { by, form: new URLSearchParams({ request_type: 'auth', scope, redirect_uri: redirectUri, ...form }) }
}

/** A request that is waiting for a user's decision. */
export interface OpenRequest {
  by: Identity
  requestToken: string
  redirectUri: string
  state: string
  /** The URL that the user opens. */
  url: string
}

/** Sends a request as an agent, and returns it with its consent URL. */
export async function openRequest(
  stage: Stage,
  by: Identity = identityOf(stage.agent),
  asked: Asked | TokenRequest = {},
): Promise<OpenRequest> {
  const request = 'by' in asked ? asked : await authRequest(stage, by, asked)
  const response = await stage.fetch(await signForm(stage, request))
  const { request_token: requestToken } = (await response.json()) as { request_token: string }
  stage.secrets.add(requestToken)
  const redirectUri = request.form.get('redirect_uri') ?? ''
  const state = 'state-0123456789'
  const query = new URLSearchParams({ request_token: requestToken, redirect_uri: redirectUri, state })
  return { by, requestToken, redirectUri, state, url: `${stage.authServer}/agent/auth?${query.toString()}` }
}

/** A browser, and the consent page that it shows. */
export interface Viewer {
  user: ScriptedUser
  page: string
}

/** Signs a user in, unless one is signed in already, and opens the consent page. */
export async function view(
  stage: Stage,
  { url }: OpenRequest,
  user: ScriptedUser = createScriptedUser(stage.fetch),
  person: { username: string; password: string } = people.alice,
): Promise<Viewer> {
  const first = await (await user.open(url)).text()
  if (!first.includes('data-state="sign-in"')) return { user, page: first }
  await user.submit(first, url, { ...person, action: 'login' })
  for (const cookie of user.cookies.values()) stage.secrets.add(cookie)
  return { user, page: await (await user.open(url)).text() }
}

/** The result of an allowed request. */
export interface Allowed extends OpenRequest, Viewer {
  code: string
  /** The URL that the user was redirected to. */
  location: string
}

/** Has Alice allow a request. The agent has not redeemed the code yet. */
export async function allow(
  stage: Stage,
  by: Identity = identityOf(stage.agent),
  choices: Record<string, string> = {},
  { asked = {}, user }: { asked?: Asked | TokenRequest; user?: ScriptedUser } = {},
): Promise<Allowed> {
  const opened = await openRequest(stage, by, asked)
  const viewer = await view(stage, opened, user)
  const decided = await viewer.user.submit(viewer.page, opened.url, { ...choices, consent: 'grant' })
  const location = decided.headers.get('location') ?? ''
  const code = new URL(location).searchParams.get('code') ?? ''
  stage.secrets.add(code)
  return { ...opened, ...viewer, code, location }
}

/** Creates the redemption of a code as our agent sends it, to be modified. */
export function redemption({ by, code, redirectUri, requestToken }: Allowed): TokenRequest {
  return {
    by,
    form: new URLSearchParams({
      request_type: 'code',
      code,
      redirect_uri: redirectUri,
      request_token: requestToken,
    }),
  }
}

/** Sends a redemption. */
export async function redeem(stage: Stage, allowed: Allowed, by: Identity = allowed.by): Promise<Response> {
  return stage.fetch(await signForm(stage, { ...redemption(allowed), by }))
}

/** Redeems a code and returns the refresh token. */
export async function refreshTokenOf(stage: Stage, allowed: Allowed): Promise<string> {
  const { refresh_token: token } = (await (await redeem(stage, allowed)).json()) as { refresh_token: string }
  expect(token).toMatch(/^aart_[\w-]{43}$/)
  stage.secrets.add(token)
  return token
}

/** Sends a refresh. */
export async function refresh(stage: Stage, by: Identity, token: string): Promise<Response> {
  const form = new URLSearchParams({ request_type: 'refresh', refresh_token: token })
  return stage.fetch(await signForm(stage, { by, form }))
}
