import { createSigner, generatePrivateJwk, type Signer } from 'countersign'
import { type Agent, createAgent } from 'countersign/agent'
import { createDelegate, type Delegate } from 'countersign/delegate'
import { january } from 'countersign/editions'
import { signRequest } from 'countersign/signatures'
import { type AuthServerOptions, fixedKeys } from 'countersign-server'
import { expect, onTestFinished } from 'vitest'
import { quickHash } from '../quick-hash.js'
import { createScriptedUser, hiddenFields, type ScriptedUser, signInToAccount } from '../scripted-user.js'
import { createWorld, ids, type World, type WorldOptions } from '../world.js'

export const issuer = ids.authServer
export const ada = { username: 'ada', password: 'a long password' }
export const bob = { username: 'bob', password: 'another long password' }
export const callback = 'http://127.0.0.1:49152/callback'
export const state = 'state-of-the-terminal-1'

/** A world whose auth server connects devices of `ada` and `bob`. */
export async function openDevices(
  settings: Partial<NonNullable<AuthServerOptions['personalAgents']>> = {},
  options: WorldOptions = {},
): Promise<World & { deviceSigner: Signer }> {
  const deviceSigner = await newSigner('device-key-1')
  const keys = fixedKeys({ signer: deviceSigner, secret: new Uint8Array(32).fill(8) })
  const world = await createWorld({ ...options, server: { personalAgents: { keys, ...settings }, ...options.server } })
  onTestFinished(() => world.storage.close())
  for (const { username, password } of [ada, bob])
    await world.storage.createUser({ username, passwordHash: await quickHash(password) })
  return { ...world, deviceSigner }
}

export async function newSigner(kid = 'device'): Promise<Signer> {
  return createSigner(await generatePrivateJwk({ kid }))
}

/** A browser in which a user has signed in. */
export async function browserOf({ fetch }: World, person = ada): Promise<ScriptedUser> {
  const user = createScriptedUser(fetch)
  await signInToAccount(user, issuer, person)
  return user
}

/** The page on which a user connects the device with a key. */
export function connectUrl({ thumbprint }: Signer, changes: Record<string, string> = {}): string {
  const query = new URLSearchParams({ jkt: thumbprint, name: 'laptop', redirect_uri: callback, state, ...changes })
  return `${issuer}/account/devices/connect?${query}`
}

/** Decides on the page, and returns the form that the browser then posts to the device. */
export async function decideOnDevice(
  user: ScriptedUser,
  url: string,
  consent: 'grant' | 'deny' = 'grant',
): Promise<Record<string, string>> {
  const page = await (await user.open(url)).text()
  const returned = await user.submit(page, url, { action: 'connect-device', consent })
  return hiddenFields(await returned.text(), { state: '' })
}

/** A form that a device signs with its own key, or as the agent of an agent token. */
export function signedForm(
  { clock }: World,
  signer: Signer,
  path: string,
  form: Record<string, string> = {},
  agentToken?: string,
): Promise<Request> {
  const { kid: _kid, alg: _alg, use: _use, ...jwk } = signer.jwk
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = new URLSearchParams(form).toString() || 'empty=1'
  return signRequest(new Request(issuer + path, { method: 'POST', headers, body }), {
    signer,
    profile: january.signing,
    signatureKey: agentToken === undefined ? { scheme: 'hwk', jwk } : { scheme: 'jwt', jwt: agentToken },
    created: clock.now,
  })
}

/** Sends a form that a device signs with its own key. */
export async function post(
  world: World,
  signer: Signer,
  path: string,
  form: Record<string, string> = {},
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await world.fetch(await signedForm(world, signer, path, form))
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

export function redeem(world: World, signer: Signer, credential: string, more: Record<string, string> = {}) {
  return post(world, signer, '/delegates', { credential, ...more })
}

export function renew(world: World, signer: Signer, audience: string = ids.resource) {
  return post(world, signer, '/delegates/token', { audience })
}

export interface ConnectedDevice {
  signer: Signer
  id: string
  user: ScriptedUser
  delegate: Delegate
  agent: Agent
  /** The pages that the agent wanted to show. */
  pages: string[]
}

/** Connects a device through the loopback address, and creates the agent on it. */
export async function connect(world: World, person = ada, key?: Signer): Promise<ConnectedDevice> {
  const signer = key ?? (await newSigner())
  const user = await browserOf(world, person)
  const { code = '' } = await decideOnDevice(user, connectUrl(signer))
  const { body } = await redeem(world, signer, code)
  return { ...agentOn(world, signer), user, id: String(body.name) }
}

/** Where users get a code to type into a device. */
export const codePage = `${issuer}/account/devices/code`

/** Gets a code to type into a device; `issued` is the page that shows it. */
export async function newCode(user: ScriptedUser): Promise<{ issued: string; code: string }> {
  const start = await (await user.open(codePage)).text()
  const issued = await (await user.submit(start, codePage, { action: 'new-device-code' })).text()
  return { issued, code: codeOn(issued) }
}

/** Connects a device with a code that is typed into it. */
export async function connectRemotely(world: World): Promise<ConnectedDevice> {
  const signer = await newSigner()
  const user = await browserOf(world)
  const { issued, code } = await newCode(user)
  await redeem(world, signer, code, { device: 'server' })
  const claimed = await (await user.submit(issued, codePage, { action: 'check-device-code' })).text()
  await user.submit(claimed, codePage, { action: 'confirm-device', consent: 'grant' })
  const { body } = await redeem(world, signer, code, { device: 'server' })
  return { ...agentOn(world, signer), user, id: String(body.name) }
}

/** The code on a page. Random values of its forms may look like a code. */
function codeOn(page: string): string {
  return /<code>([0-9A-Z]{4}-[0-9A-Z]{4})<\/code>/.exec(page)?.[1] ?? expect.fail('the page shows no code')
}

/** An agent on a device that has an agent token and gets no other. It fails where its owner would have to decide. */
export function agentWith({ fetch, clock }: World, signer: Signer, token: string): Agent {
  return createAgent({
    id: issuer,
    signer,
    agentToken: async () => token,
    authServers: [issuer],
    redirectUri: callback,
    onConsent: () => {
      throw new Error('a user was asked')
    },
    fetch,
    now: () => clock.now,
  })
}

function agentOn({ fetch, clock }: World, signer: Signer) {
  const now = () => clock.now
  const pages: string[] = []
  const delegate = createDelegate({ id: issuer, signer, fetch, now })
  const agent = createAgent({
    ...delegate,
    authServers: [issuer],
    redirectUri: callback,
    onConsent: ({ url }) => {
      pages.push(url)
    },
    fetch,
    now,
  })
  return { signer, delegate, agent, pages }
}

/** Lets the owner of a device allow what it requests, and returns the response. */
export async function allowOnDevice({ agent, pages, user }: ConnectedDevice, path = '/data-auth'): Promise<Response> {
  const known = pages.length
  const pending = agent.fetch(ids.resource + path)
  await expect.poll(() => pages.length, { timeout: 30_000 }).toBeGreaterThan(known)
  const url = pages.at(-1) ?? ''
  const decided = await user.submit(await (await user.open(url)).text(), url, { consent: 'grant' })
  await agent.handler(new Request(decided.headers.get('location') ?? ''))
  return pending
}
