import { setTimeout as wait } from 'node:timers/promises'
import {
  type Allowed,
  allow,
  authRequest,
  type OpenRequest,
  openRequest,
  redeem,
  refresh,
  signForm,
  view,
} from '../attacks/flow.js'
import { identityOf } from '../attacks/party.js'
import type { Stage } from '../attacks/stage.js'
import type { ScriptedUser } from '../scripted-user.js'

/** The outcome of a request. */
export interface Answer {
  what: 'ask' | 'show' | 'decide' | 'redeem' | 'refresh'
  status: number
  /** Milliseconds. */
  took: number
  /** When the request was sent, as a value of `performance.now()`. */
  at: number
  retryAfter: string | null
  text: string
}

/** A request whose user was shown that it is allowed. */
export interface Shown {
  allowed: Allowed
  /** How often its code was sent, and how many tokens were returned. */
  sent: number
  tokens: number
  at: number
}

/** Requests that continue until they are stopped. */
export interface Load {
  answers: Answer[]
  /** Requests that got no response. */
  failures: { what: Answer['what']; at: number; why: string }[]
  shown: Shown[]
  stop(): Promise<void>
}

/** A signed-in user, and refresh tokens of grants that they gave. */
export interface Granted {
  user: ScriptedUser
  tokens: string[]
}

export async function grantSome(stage: Stage, count: number): Promise<Granted> {
  const { user } = await view(stage, await openRequest(stage))
  const tokens: string[] = []
  for (let grant = 0; grant < count; grant += 1) {
    const allowed = await allow(stage, undefined, {}, { user })
    const response = await redeem(stage, allowed)
    const { refresh_token: token } = (await response.json()) as { refresh_token?: string }
    if (token !== undefined) tokens.push(token)
  }
  return { user, tokens }
}

/** Repeatedly requests tokens and refreshes them. If a user is signed in, they also decide the requests. */
export function startLoad(
  stage: Stage,
  { tokens, user }: Partial<Granted> & Pick<Granted, 'tokens'>,
  { workers = 4, pause = 20 } = {},
): Load {
  const load: Omit<Load, 'stop'> = { answers: [], failures: [], shown: [] }
  let isOver = false
  const by = identityOf(stage.agent)

  /** Sends a request, and returns its response unless it is an error. */
  async function note(what: Answer['what'], send: () => Promise<Response>) {
    const at = performance.now()
    try {
      const response = await send()
      const text = await response.text()
      const { status, headers } = response
      load.answers.push({
        what,
        status,
        took: performance.now() - at,
        at,
        retryAfter: headers.get('retry-after'),
        text,
      })
      return status < 400 ? { text, headers } : undefined
    } catch (error) {
      load.failures.push({ what, at, why: error instanceof Error ? `${what}: ${error.message}` : String(error) })
      return undefined
    }
  }

  async function ask(): Promise<OpenRequest | undefined> {
    const request = await authRequest(stage, by)
    const asked = await note('ask', async () => stage.fetch(await signForm(stage, request)))
    if (!asked) return undefined
    const { request_token: requestToken } = JSON.parse(asked.text) as { request_token: string }
    const redirectUri = request.form.get('redirect_uri') ?? ''
    const query = new URLSearchParams({
      request_token: requestToken,
      redirect_uri: redirectUri,
      state: 'state-0123456789',
    })
    return { by, requestToken, redirectUri, state: 'state-0123456789', url: `${stage.authServer}/agent/auth?${query}` }
  }

  async function flow(viewer: ScriptedUser): Promise<void> {
    const opened = await ask()
    const page = opened && (await note('show', () => viewer.open(opened.url)))
    const decided = page && (await note('decide', () => viewer.submit(page.text, opened.url, { consent: 'grant' })))
    if (!decided) return
    const location = decided.headers.get('location') ?? ''
    const code = new URL(location).searchParams.get('code') ?? ''
    const shown: Shown = {
      allowed: { ...opened, user: viewer, page: page.text, code, location },
      sent: 1,
      tokens: 0,
      at: performance.now(),
    }
    load.shown.push(shown)
    if (await note('redeem', () => redeem(stage, shown.allowed))) shown.tokens += 1
  }

  const kinds: (() => Promise<unknown>)[] = [
    ...(tokens.length > 0
      ? [() => note('refresh', () => refresh(stage, by, tokens[Math.floor(Math.random() * tokens.length)] ?? ''))]
      : []),
    () => (user ? flow(user) : ask()),
  ]

  async function work(first: number): Promise<void> {
    for (let turn = first; !isOver; turn += 1) {
      await kinds[turn % kinds.length]?.()
      await wait(pause)
    }
  }

  const working = Array.from({ length: workers }, (_, index) => work(index))
  return {
    ...load,
    async stop() {
      isOver = true
      await Promise.all(working)
    },
  }
}

export function slowest(answers: readonly Answer[]): number {
  return Math.round(Math.max(0, ...answers.map(({ took }) => took)))
}

/** Whether a response is one that is expected when nothing fails. */
export const isServed = ({ status }: Answer): boolean => status === 200 || status === 303

/**
 * Redeems every code that was shown and has yielded no token yet. Returns the losses: codes that yielded two tokens, and shown decisions of
 * which nothing is left.
 */
export async function redeemRest(stage: Stage, shown: readonly Shown[], codeLifetime = 60): Promise<string[]> {
  const lost: string[] = []
  for (const { allowed, sent, tokens, at } of shown) {
    if (tokens > 0) continue
    const { status } = await redeem(stage, allowed)
    const age = (performance.now() - at) / 1000
    // A client that got no response may find the code already used: then the response is lost, but not the grant.
    if (status !== 200 && !(status === 400 && (sent > 0 || age > codeLifetime)))
      lost.push(`a shown decision: ${status}`)
  }
  for (const { allowed } of shown.filter(({ tokens }) => tokens > 1)) lost.push(`two tokens for ${allowed.code}`)
  return lost
}
