import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { NonceClaim, NonceSource } from 'countersign/signatures'
import type { Storage, User } from 'countersign-server'

type Given<V extends keyof Storage> = Parameters<Storage[V]>[0]
type NewAuthRequest = Given<'createAuthRequest'>
type RequestBinding = Given<'bindRequest'>
type CodeRedemption = Given<'redeemCode'>
type Refresh = Given<'refreshGrant'>
type Rotation = Given<'rotateRefresh'>
type NewRefreshToken = NonNullable<CodeRedemption['refresh']>
export type NewHandle = NonNullable<Given<'decideRequest'>['handle']>
type RequestDecision = Given<'decideRequest'> & { handle: NewHandle }

export const edition = 'january'
export const agent = 'https://agent.example'
export const resource = 'https://calendar.example'

/** A unique hash. */
export function freshHash(): string {
  return createHash('sha256').update(randomBytes(32)).digest('base64url')
}

/** The hash of a text, for a test that needs the same hash twice. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

export function newRequest(changes: Partial<NewAuthRequest> = {}): NewAuthRequest {
  return {
    tokenHash: freshHash(),
    edition,
    agent,
    delegate: null,
    agentJkt: hashOf('jkt-of-the-request'),
    resource,
    scope: 'calendar.read calendar.write',
    redirectUri: 'https://agent.example/callback',
    display: { agent: { name: 'Planner' }, resource: { supportedScopes: ['calendar.read', 'calendar.write'] } },
    lifetime: 600,
    maxOpen: 20,
    ...changes,
  }
}

export async function newUser(storage: Storage, username = `user-${freshHash()}`): Promise<User> {
  return storage.createUser({ username, passwordHash: '$argon2id$of-a-password' })
}

/** A user as read, for operations that depend on their proof or their session. */
export function asRead({ id, credentialRevision }: User): { userId: string; credentialRevision: number } {
  return { userId: id, credentialRevision }
}

/** A user’s current state, by id. */
export async function readNow(storage: Storage, userId: string): Promise<ReturnType<typeof asRead>> {
  const user = await storage.findUser(userId)
  return { userId, credentialRevision: user?.credentialRevision ?? 0 }
}

export interface BoundRequest {
  user: User
  tokenHash: string
  binding: RequestBinding
  /** The decision on this request, ready to be changed and sent. */
  decision: RequestDecision
}

export async function boundRequest(
  storage: Storage,
  changes: Partial<NewAuthRequest> = {},
  person?: User,
): Promise<BoundRequest> {
  const user = person ?? (await newUser(storage))
  const read = await readNow(storage, user.id)
  const request = newRequest(changes)
  await storage.createAuthRequest(request)
  const binding = { tokenHash: request.tokenHash, browserHash: freshHash(), ...read, state: null }
  const bound = await storage.bindRequest(binding)
  if (bound.outcome !== 'bound') throw new Error(`expected bound, got ${bound.reason}`)
  return {
    user,
    tokenHash: request.tokenHash,
    binding,
    decision: {
      tokenHash: request.tokenHash,
      browserHash: binding.browserHash,
      ...read,
      judged: bound.request,
      revision: 0,
      decision: 'allow',
      handle: { handleHash: freshHash(), handleLifetime: 60 },
      grantLifetime: null,
      remembered: false,
    },
  }
}

export interface AllowedRequest extends BoundRequest {
  redemption: CodeRedemption
}

export async function allowedRequest(
  storage: Storage,
  changes: Partial<NewAuthRequest> = {},
  decided: Partial<RequestDecision> = {},
  person?: User,
): Promise<AllowedRequest> {
  const bound = await boundRequest(storage, changes, person)
  const decision = { ...bound.decision, ...decided }
  const { outcome } = await storage.decideRequest(decision)
  if (outcome !== 'allowed') throw new Error(`expected allowed, got ${outcome}`)
  return {
    ...bound,
    decision,
    redemption: {
      codeHash: decision.handle.handleHash,
      agent: changes.agent ?? agent,
      delegate: changes.delegate ?? null,
      jkt: hashOf('jkt-of-the-redemption'),
      tokenLifetime: 600,
    },
  }
}

/** The grant that a decision created. */
export async function grantOf(storage: Storage, { tokenHash }: { tokenHash: string }): Promise<string> {
  const request = await storage.findAuthRequest(tokenHash)
  const events = await storage.listEvents({ event: 'request.allowed' })
  const grantId = events.find(({ requestId }) => requestId === request?.id)?.grantId
  if (!grantId) throw new Error('no decision names a grant')
  return grantId
}

export async function rememberedGrant(
  storage: Storage,
  changes: Partial<NewAuthRequest> = {},
  decided: Partial<RequestDecision> = {},
  person?: User,
): Promise<AllowedRequest & { grantId: string }> {
  const allowed = await allowedRequest(storage, changes, { remembered: true, ...decided }, person)
  return { ...allowed, grantId: await grantOf(storage, allowed) }
}

/** A scope of this many names. */
export const manyNames = (prefix: string, count: number) => times(count, (index) => `${prefix}.${index}`).join(' ')

/** Replaces a user's remembered grant: its expired permissions leave too little room for the new ones. Takes a second. */
export async function replaceGrant(
  { storage, now }: { storage: Storage; now: number },
  user: User,
  waitUntil: (now: number) => void,
): Promise<AllowedRequest & { grantId: string }> {
  await allowedRequest(storage, { scope: manyNames('old', 200) }, { remembered: true, grantLifetime: 1 }, user)
  waitUntil(now + 1)
  return rememberedGrant(storage, { scope: manyNames('new', 100) }, { grantLifetime: 1 }, user)
}

/** A redeemed code, and the fields that use the refresh token it issued. */
export interface RefreshableGrant extends AllowedRequest {
  grantId: string
  refresh: Refresh
}

export async function refreshable(
  storage: Storage,
  changes: Partial<NewAuthRequest> = {},
  decided: Partial<RequestDecision> = {},
  person?: User,
  token: NewRefreshToken = { tokenHash: freshHash(), idleSeconds: 90 * 86_400, lifetime: 365 * 86_400 },
): Promise<RefreshableGrant> {
  const allowed = await allowedRequest(storage, changes, decided, person)
  const redeemed = await storage.redeemCode({ ...allowed.redemption, refresh: token })
  if (redeemed.outcome !== 'redeemed' || !redeemed.refreshIssued) throw new Error('no refresh token was issued')
  const { agent, delegate } = allowed.redemption
  return {
    ...allowed,
    grantId: redeemed.grant.id,
    refresh: { tokenHash: token.tokenHash, agent, delegate, jkt: hashOf('jkt-of-the-refresh'), tokenLifetime: 600 },
  }
}

/** A redeemed code that issued a family of refresh tokens. */
export interface RotatingGrant extends AllowedRequest {
  grantId: string
  family: string
  /** The `jti` of the token for which the code was exchanged. */
  jti: string
  /** The rotation with which an agent presents a generation. */
  present: (generation: number, changes?: Partial<Rotation>) => Rotation
}

export async function rotating(
  storage: Storage,
  changes: Partial<NewAuthRequest> = {},
  decided: Partial<RequestDecision> = {},
  person?: User,
  { idleSeconds = 30 * 86_400, lifetime = 365 * 86_400 } = {},
): Promise<RotatingGrant> {
  const allowed = await allowedRequest(storage, changes, decided, person)
  const family = randomUUID()
  const hashOfGeneration = (generation: number) => hashOf(`${family} ${generation}`)
  const refresh = { family, tokenHash: hashOfGeneration(0), idleSeconds, lifetime }
  const redeemed = await storage.redeemCode({ ...allowed.redemption, refresh })
  if (redeemed.outcome !== 'redeemed' || !redeemed.refreshIssued) throw new Error('no refresh token was issued')
  const { agent, delegate } = allowed.redemption
  return {
    ...allowed,
    grantId: redeemed.grant.id,
    family,
    jti: redeemed.issue.jti,
    present: (generation, changes = {}) => ({
      family,
      generation,
      tokenHash: hashOfGeneration(generation),
      successorHash: hashOfGeneration(generation + 1),
      agent,
      delegate,
      tokenLifetime: 600,
      grace: 60,
      idleSeconds,
      ...changes,
    }),
  }
}

/** The outcome: `redeemed`, or the reason of the refusal. */
export function outcomeOf({ outcome, reason }: { outcome: string; reason?: string }): string {
  return outcome === 'refused' ? String(reason) : outcome
}

export async function eventNames(storage: Storage): Promise<string[]> {
  return (await storage.listEvents()).map(({ event }) => event)
}

export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

/** An unused nonce, unless its key is given. */
export function nonceClaim(source: Partial<NonceSource> = {}, key = freshHash(), lifetime = 130): NonceClaim {
  return { key, source: { agent: undefined, thumbprint: 'key', network: '192.0.2', ...source }, lifetime }
}

/** The subject by which a resource knows a user; empty before the first token. */
export async function subOf(storage: Storage, { id: userId }: Pick<User, 'id'>, of = resource): Promise<string> {
  const subjects = await storage.listSubjects({ userId })
  return subjects.find(({ kind, identifier }) => kind === 'resource' && identifier === of)?.sub ?? ''
}

/** Signs a user in from a browser, which is then known. */
export async function signInWith(
  storage: Storage,
  { userId, browserHash }: { userId: string; browserHash: string },
): Promise<void> {
  const lifetimes = { idleSeconds: 1000, lifetime: 1000, most: 1000 }
  const user = await readNow(storage, userId)
  await storage.createSession({ ...user, idHash: freshHash(), factorAddedAt: 0, ...lifetimes, browserHash })
}
