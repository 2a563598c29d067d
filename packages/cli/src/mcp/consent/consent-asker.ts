import { type Era, mayAskPerson, metaKeys, metaOf, opensUrls } from '../messages/eras.js'
import {
  type Answer,
  type JsonObject,
  type Message,
  notification,
  type RpcRequest,
  refusal,
  rpcCodes,
  stringIn,
} from '../messages/json-rpc.js'
import type { Client } from '../relay/relay.js'
import { AnsweredInstead, ConsentNeeded } from './answered-instead.js'
import { askToOpen } from './asked-before.js'
import type { ConsentDesk } from './consent-desk.js'

/** The request of a client that a person must allow first. */
export interface AskedFor {
  request: RpcRequest
  client: Client
  /** What the client can. */
  capabilities: JsonObject
  /** The person has been shown the page, and wants to decide there. */
  hasAgreed: boolean
  /** When the first consent for it was asked, by `performance.now()`. */
  since: number
  signal: AbortSignal
  toClient: (message: Message) => void
}

export interface ConsentAskerOptions {
  host: string
  desk: ConsentDesk
  /** Seconds that a call waits for a person. */
  patience: number
  /** Puts the page into answers, which the model reads. */
  isUrlInAnswers: boolean
  /** Shows the person a page where the client cannot. */
  show: (text: string, page: string) => void
}

/**
 * Has the person decide on a page, in the way that their client knows. Resolves when they have allowed it: the request is then sent
 * again.
 *
 * @throws AnsweredInstead with what the request is answered otherwise
 * @throws ConsentNeeded for requests during which nobody is asked
 */
export type AskConsent = (page: string, asked: AskedFor) => Promise<void>

/** Milliseconds that a page counts as shown which the person wanted to see. */
const shownFor = 300_000

export function createConsentAsker(options: ConsentAskerOptions): AskConsent {
  const { host, desk, patience } = options
  /** Until when each page counts as shown, so that parallel calls show it once. */
  const shown = new Map<string, number>()

  function isShown(page: string): boolean {
    const now = performance.now()
    for (const [each, until] of shown) if (until <= now) shown.delete(each)
    return shown.has(page)
  }

  const note = (page: string, milliseconds: number) => shown.set(page, performance.now() + milliseconds)

  return async function askConsent(page, asked) {
    const { request, since, signal } = asked
    if (!mayAskPerson.has(request.method)) throw new ConsentNeeded()
    const given = new AbortController()
    const declined = asked.hasAgreed ? undefined : showPage(page, asked, given.signal)
    if (asked.hasAgreed) note(page, shownFor)
    const left = patience - (performance.now() - since) / 1000
    const decision = desk.decision(page, Math.max(left, 0), signal)
    const outcome = await Promise.race([decision, ...(declined ? [declined] : [])])
    if (outcome !== 'open') {
      given.abort()
      shown.delete(page)
    }
    if (outcome === 'allowed') return
    throw new AnsweredInstead(
      answerInWords(
        asked,
        {
          denied: `Denied: the person did not allow what ${host} needs for this.`,
          declined: `Not allowed: the person did not want to open the page where they decide about ${host}.`,
          open: waitingText(host, options.isUrlInAnswers ? page : undefined),
        }[outcome],
      ),
    )
  }

  /** Shows the page in the client or here; resolves only where the person does not want to see it. */
  function showPage(page: string, asked: AskedFor, decided: AbortSignal): Promise<'declined'> | undefined {
    if (isShown(page)) return undefined
    const { client, capabilities, request } = asked
    const message = `Countersign: ${host} needs your consent for ${subjectOf(request)}. Decide at ${new URL(page).host}.`
    if (!opensUrls(capabilities)) {
      note(page, shownFor)
      showHere(page, asked)
      return undefined
    }
    note(page, patience * 1000)
    if (client.era === 'stateless') throw new AnsweredInstead({ result: askToOpen(request, { url: page, message }) })
    return showInClient(page, { client, message, decided })
  }

  function showHere(page: string, { client, request, toClient }: AskedFor): void {
    const text = `${host} needs your consent for ${subjectOf(request)}. Decide here: ${page}`
    options.show(text, page)
    const { progressToken } = metaOf(request)
    if (progressToken !== undefined)
      toClient(notification('notifications/progress', { progressToken, progress: 0, message: text }))
    if (hearsLogs(client.era, request))
      toClient(notification('notifications/message', { level: 'notice', logger: 'countersign mcp', data: text }))
  }

  /** A page is shown by a request of the bridge's own, which stays open where the person is slow. */
  function showInClient(
    page: string,
    { client, message, decided }: { client: Client; message: string; decided: AbortSignal },
  ): Promise<'declined'> {
    const elicitationId = crypto.randomUUID()
    note(page, shownFor)
    decided.addEventListener(
      'abort',
      () => client.tell(notification('notifications/elicitation/complete', { elicitationId })),
      {
        once: true,
      },
    )
    return client.ask('elicitation/create', { mode: 'url', message, url: page, elicitationId }).then((answer) => {
      const isAccepted = 'result' in answer && answer.result.action === 'accept'
      if (isAccepted) return new Promise<never>(() => undefined)
      shown.delete(page)
      return 'declined' as const
    })
  }
}

function hearsLogs(era: Era, request: RpcRequest): boolean {
  return era === 'sessions' || metaOf(request)[metaKeys.logLevel] !== undefined
}

function subjectOf({ method, params }: RpcRequest): string {
  const name = stringIn(params, 'name') || stringIn(params, 'uri')
  const kind = { 'tools/call': 'tool', 'prompts/get': 'prompt' }[method] ?? 'resource'
  // The server chose the name: it is no sentence beside ours.
  return /^[^\s“”\p{C}]{1,80}$/u.test(name) ? `the ${kind} “${name}”` : `a ${kind}`
}

function waitingText(host: string, page: string | undefined): string {
  const where = page === undefined ? 'on the page that was opened or shown to you' : `at ${page}`
  return `Waiting for your consent: ${host} needs it for this. Decide ${where}, then ask again; nothing is lost meanwhile.`
}

interface AnsweredFor {
  request: RpcRequest
  client: Pick<Client, 'era'>
}

/** A sentence as the answer to a request: of a tool its result, which the model reads. */
export function answerInWords({ request, client }: AnsweredFor, text: string): Answer {
  if (request.method !== 'tools/call') return refusal(rpcCodes.unanswered, text)
  const kind = client.era === 'stateless' ? { resultType: 'complete' } : {}
  return { result: { content: [{ type: 'text', text }], isError: true, ...kind } }
}
