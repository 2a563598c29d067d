import * as platform from '#crypto'
import type { AgentActions, SharedAgentOptions } from '../agent/agent-options.js'
import type { CallbackOutcome } from '../agent/callback-messages.js'
import { callbackPage } from '../agent/callback-page.js'
import { createWebAgent, type WebAgent, type WebAgentOptions } from '../agent/create-web-agent.js'
import { memoryStore } from '../agent/memory-store.js'
import { createDiscoveryBehind } from '../discovery/discovery.js'
import { noGuard } from '../discovery/lookup-guard.js'
import { januaryAgent } from '../editions/january/january-agent.js'
import { revokeRefreshToken } from '../editions/january/january-revocation.js'
import { AgentError } from '../lib/agent-error.js'
import { systemClock } from '../lib/clock.js'
import { chooseChatMessages } from './chat-messages.js'
import { closedPage, digitsPage, questionPage } from './chat-pages.js'
import {
  type ChatUser,
  type Pending,
  type PendingChats,
  pendingChats,
  randomDigits,
  randomSecret,
} from './pending-chats.js'

export type { ChatUser } from './pending-chats.js'

/** Options of {@link createChatAgent}: those of `createWebAgent`, apart from the ones that it provides. */
export type ChatAgentOptions = Omit<WebAgentOptions, 'sessionOf' | 'onConsent' | 'callbackResponse' | 'redirectUri'>

/** A link for one chat user. */
export interface ChatInvitation {
  /** Send it only in the private chat with that user. Opening it changes nothing, so link previews are harmless. */
  url: string
  /** Unix seconds. */
  expiresAt: number
}

/**
 * What became of digits that were typed in a chat. `connected`: the user's requests can be sent. `wrong`: the user may try again. `closed`:
 * that was the last attempt, and what was allowed is revoked. `none`: the text is not six digits, or this user has nothing to confirm.
 */
export type Confirmation = 'connected' | 'wrong' | 'closed' | 'none'

/** An agent for the users of a chat. */
export interface ChatAgent extends Pick<WebAgent, 'id' | 'metadata' | 'handler'> {
  /**
   * Starts a connection for a chat user, and ends those that this user has not confirmed yet.
   *
   * @param url the request that needs consent. It is sent once without a token, as a GET request
   */
  connect(user: ChatUser, url: string): Promise<ChatInvitation>
  /** Takes a message in which a chat user may have typed digits. Pass the `id` of the user who sent it, as the platform reports it. */
  confirm(user: string, text: string): Promise<Confirmation>
  /** The agent for a chat user; undefined until that user has confirmed a connection. */
  for(user: string): Promise<AgentActions | undefined>
  /** Ends a chat user's connection, and what this user has not confirmed yet, and revokes their refresh tokens. */
  disconnect(user: string): Promise<void>
  /**
   * Gives up what was not confirmed in time, and revokes its refresh tokens. It runs by itself while the process runs; call it at startup as
   * well. Resolves to the number of connections whose tokens could not be revoked yet, because an auth server did not respond.
   */
  sweep(): Promise<number>
}

/** Seconds for which a link, a decision, and then the digits are valid. */
const lifetime = 600

/**
 * An agent for a chat whose platform cannot sign its users in to your website. If it can, use `createWebAgent` with the session of
 * that sign-in instead, because digits can be relayed.
 *
 * A link leads to a page that states for whom and in which chat the bot will act. After the decision at the auth server, the page shows six
 * digits. Only that chat user can type them, within ten minutes, in three attempts; until then, the tokens are used for nothing. What is not
 * confirmed is revoked.
 *
 * @throws TypeError for invalid options
 * @example
 * ```ts
 * const bot = createChatAgent({ id: 'https://bot.example', signer, authServers: ['https://auth.example'], store: fileStore('./state') })
 * const agent = await bot.for('slack T024BE7LD U061F7AUR')
 * if (agent) await agent.fetch('https://api.example/events')
 * ```
 */
export function createChatAgent(options: ChatAgentOptions): ChatAgent {
  requireNoOwn(options)
  const { id, about, edition = januaryAgent, store = memoryStore(), now = systemClock } = options
  const agent = createWebAgent({ ...options, store, sessionOf, callbackResponse: afterDecision })
  const chats = pendingChats(store, { id, edition: edition.name })
  const shown = { id, name: about?.name }
  const cookie = id.startsWith('https:') ? '__Host-countersign-chat' : 'countersign-chat'
  const { giveUp, sweep } = createRelinquisher(options, { chats, agent, now })

  async function find(state: Pending['state'], name: string): Promise<Pending | undefined> {
    return (await chats.list()).find((each) => each.state === state && each.id === name && each.until > now())
  }

  /** The connection that is pending in a browser. */
  async function pendingIn(request: Request): Promise<Pending | undefined> {
    const cookies = (request.headers.get('cookie') ?? '').split(/; */)
    const found = cookies.find((each) => each.startsWith(`${cookie}=`))
    return found === undefined ? undefined : find('session', found.slice(cookie.length + 1))
  }

  async function sessionOf(request: Request): Promise<string | undefined> {
    return (await pendingIn(request))?.id
  }

  async function afterDecision(outcome: CallbackOutcome, detail: string | undefined, request: Request) {
    const pending = await pendingIn(request)
    if (outcome !== 'allowed')
      return callbackPage(outcome, { id, about, language: request.headers.get('accept-language'), detail })
    const messages = chooseChatMessages(request)
    if (!pending) return closedPage(messages, 400, 'tooLate')
    const digits = randomDigits()
    await chats.put({ ...pending, digits, until: now() + lifetime })
    setTimeout(() => void sweep(), (lifetime + 1) * 1000).unref?.()
    return digitsPage(messages, shown, pending.user, digits)
  }

  /** The link's page, and the button on it, which starts the session of this browser. */
  async function startSession(request: Request): Promise<Response> {
    const messages = chooseChatMessages(request)
    const isPost = request.method === 'POST'
    // Another site could press the button: in the browser of someone whose data its user wants.
    if (isPost && request.headers.get('origin') !== new URL(id).origin) return closedPage(messages, 403, 'elsewhere')
    const ticket = isPost
      ? new URLSearchParams(await request.text()).get('ticket')
      : new URL(request.url).searchParams.get('ticket')
    const link = await find('link', await platform.hashText(ticket ?? ''))
    if (!link || ticket === null) return closedPage(messages, 400, 'tooLate')
    if (!isPost) return questionPage(messages, shown, link.user, ticket)
    // Exactly one browser can use a link.
    if (!(await chats.remove(link))) return closedPage(messages, 400, 'tooLate')
    const session = randomSecret()
    await chats.put({ ...link, state: 'session', id: session, until: now() + lifetime })
    const page = await consentPage(agent.for(session), link.url)
    if (page === undefined) return closedPage(messages, 502, 'noConsent')
    const attributes = `Path=/; HttpOnly; SameSite=Lax${id.startsWith('https:') ? '; Secure' : ''}`
    return new Response(null, {
      status: 303,
      headers: {
        location: page,
        'set-cookie': `${cookie}=${session}; ${attributes}`,
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
      },
    })
  }

  /** Ends what a user had connected. */
  async function unbind(user: ChatUser, session: string | undefined): Promise<void> {
    if (session !== undefined) await giveUp({ state: 'given up', id: session, user, url: '', until: 0 })
  }

  /** Ends what a user has not confirmed yet. */
  async function endPending(user: string): Promise<void> {
    const isOpen = ({ user: { id }, state }: Pending) => id === user && (state === 'link' || state === 'session')
    await Promise.all((await chats.list()).filter(isOpen).map(giveUp))
  }

  return {
    id,
    metadata: agent.metadata,
    handler: (request) =>
      new URL(request.url).pathname === '/connect' && ['GET', 'POST'].includes(request.method)
        ? startSession(request)
        : agent.handler(request),
    async connect(user, url) {
      const [ticket, expiresAt] = [randomSecret(), now() + lifetime]
      await endPending(user.id)
      await sweep()
      await chats.put({ state: 'link', id: await platform.hashText(ticket), user, url, until: expiresAt })
      return { url: `${id}/connect?ticket=${ticket}`, expiresAt }
    },
    confirm: (user, text) => takeDigits(user, text, { chats, giveUp, unbind, now }),
    async for(user) {
      const session = await chats.sessionOf(user)
      return session === undefined ? undefined : agent.for(session)
    },
    async disconnect(user) {
      await endPending(user)
      const session = await chats.sessionOf(user)
      await chats.unbind(user)
      await unbind({ id: user, name: '', place: '' }, session)
    },
    sweep,
  }
}

/** What taking the digits requires. */
interface ConfirmedChats extends Pick<RelinquishedChats, 'chats' | 'now'> {
  giveUp: (pending: Pending) => Promise<boolean>
  unbind: (user: ChatUser, session: string | undefined) => Promise<void>
}

/** Binds a session to the chat user who typed its digits. */
async function takeDigits(
  user: string,
  text: string,
  { chats, giveUp, unbind, now }: ConfirmedChats,
): Promise<Confirmation> {
  const digits = text.replaceAll(/\s/g, '')
  const pending = (await chats.list()).find(
    (each) => each.state === 'session' && each.user.id === user && each.digits && each.until > now(),
  )
  if (!/^\d{6}$/.test(digits) || !pending) return 'none'
  const left = await chats.guess(pending)
  if (left === undefined) return 'closed'
  if (digits === pending.digits) {
    const before = await chats.sessionOf(user)
    // If this process is killed before the session is bound, a sweep gives it up.
    const confirmed: Pending = { ...pending, state: 'confirmed', until: now() + 60 }
    await chats.put(confirmed)
    if (!(await chats.remove(pending))) return 'none'
    await chats.bind(user, pending.id)
    await chats.remove(confirmed)
    await chats.forgetGuesses(pending)
    await unbind(pending.user, before)
    return 'connected'
  }
  if (left > 0) return 'wrong'
  await giveUp(pending)
  return 'closed'
}

/** The page where the user decides; undefined if the request needs no decision, or cannot be made. */
async function consentPage({ fetch }: AgentActions, url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url)
    await response.body?.cancel()
    return undefined
  } catch (error) {
    if (!(error instanceof AgentError)) throw error
    return error.code === 'consent_required' ? error.consent?.url : undefined
  }
}

/** @throws TypeError for options that this agent provides itself */
function requireNoOwn(options: ChatAgentOptions): void {
  for (const name of ['sessionOf', 'onConsent', 'callbackResponse', 'redirectUri'])
    if (typeof options === 'object' && options !== null && name in options)
      throw new TypeError(`${name} is not an option of createChatAgent, which provides it: use createWebAgent instead`)
}

interface RelinquishedChats {
  chats: PendingChats
  agent: Pick<WebAgent, 'for' | 'forget'>
  now: () => number
}

/** Ends connections, and revokes their refresh tokens at the auth servers. */
function createRelinquisher(options: SharedAgentOptions, { chats, agent, now }: RelinquishedChats) {
  const { authServers, endpointOrigins, allowInsecureLoopback = false, allowPath = false, allowNetworks = [] } = options
  const discovery = createDiscoveryBehind(noGuard, {
    allowInsecureLoopback,
    allowPath,
    endpointOrigins,
    allowNetworks,
    fetch: options.fetchDocument ?? options.fetch,
    configuredIssuers: typeof authServers === 'function' ? [] : authServers,
    now,
  })

  /** Ends a connection, unless another caller has just confirmed it. Resolves to false if its tokens could not be revoked yet. */
  async function giveUp(pending: Pending): Promise<boolean> {
    if (pending.state === 'link') {
      await chats.remove(pending)
      return true
    }
    const gone: Pending = { ...pending, state: 'given up' }
    // Stored first, so that a sweep continues if this process is killed.
    await chats.put(gone)
    const isEnded = pending.state === 'given up' || (await chats.remove(pending))
    if ((await chats.sessionOf(gone.user.id)) === gone.id) {
      await chats.remove(gone)
      return true
    }
    // Another caller is confirming or ending it. The record remains for the next sweep, because that caller may fail.
    if (!isEnded) return false
    const tools = { discovery, endpointOrigins, fetch: agent.for(gone.id).fetch }
    for (const token of await chats.refreshTokens(gone.id)) if (!(await revokeRefreshToken(tools, token))) return false
    await agent.forget(gone.id)
    await chats.forgetGuesses(gone)
    await chats.remove(gone)
    return true
  }

  /** Ends what was not confirmed in time. Resolves to the number of connections whose tokens could not be revoked yet. */
  async function sweep(): Promise<number> {
    const over = (await chats.list()).filter(({ state, until }) => state === 'given up' || until <= now())
    const outcomes = await Promise.all(over.map(giveUp))
    return outcomes.filter((isDone) => !isDone).length
  }
  return { giveUp, sweep }
}
