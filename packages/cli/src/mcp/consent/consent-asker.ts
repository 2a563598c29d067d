import { type Era, isAskedFor, metaKeys, metaOf, opensUrls } from '../messages/eras.js'
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
import { askToOpen } from './asked-before.js'
import { type ConsentDesk, pageMark } from './consent-desk.js'

/** The request of a client that the user must allow first. */
interface AskedFor {
  request: RpcRequest
  client: Client
  /** The client's capabilities. */
  capabilities: JsonObject
  /** The page that the user has agreed to open, by its mark. */
  agreedTo: string | undefined
  /** When the user was first prompted for it, by `performance.now()`. */
  since: number
  signal: AbortSignal
  toClient: (message: Message) => void
}

interface ConsentAskerOptions {
  host: string
  desk: ConsentDesk
  /** Seconds that a call waits for the user. */
  patience: number
  /** Puts the page into responses, which the model reads. */
  isUrlInAnswers: boolean
  /** Shows the user a page if the client cannot. */
  show: (text: string, page: string) => void
}

export interface ConsentAsker {
  /**
   * Prompts the user to decide on a page, in the way that their client supports. Resolves when they have allowed it: the request
   * is then sent again.
   *
   * @throws AnsweredInstead with the response to the request otherwise
   * @throws ConsentNeeded for requests during which the user is not prompted
   */
  ask(page: string, asked: AskedFor): Promise<void>
  /** The user did not want to open a page, by its mark: the next request prompts them again. */
  declined(mark: string): void
}

/** Milliseconds for which a page that the user agreed to open counts as shown. */
const shownFor = 300_000

export function createConsentAsker(options: ConsentAskerOptions): ConsentAsker {
  const { host, desk, patience } = options
  /** Until when each page counts as shown, by its mark, so that parallel calls show it once. */
  const shown = new Map<string, number>()

  function isShown(page: string): boolean {
    const now = performance.now()
    for (const [mark, until] of shown) if (until <= now) shown.delete(mark)
    return shown.has(pageMark(page))
  }

  const note = (page: string, milliseconds: number) => shown.set(pageMark(page), performance.now() + milliseconds)

  const endings = {
    denied: `Denied: the person did not allow what ${host} needs for this.`,
    declined: `Not allowed: the person did not want to open the page where they decide about ${host}.`,
  }

  async function ask(page: string, asked: AskedFor): Promise<void> {
    const { request, since, signal, agreedTo } = asked
    if (!isAskedFor(asked.client.era, request.method)) throw new ConsentNeeded()
    const hasAgreed = agreedTo === pageMark(page)
    // They decided before their client came back: this page is another.
    if (!hasAgreed && agreedTo !== undefined && (await desk.isDenied(agreedTo)))
      throw new AnsweredInstead(answerInWords(asked, endings.denied))
    const given = new AbortController()
    signal.throwIfAborted()
    desk.watch(page)
    const declined = hasAgreed ? undefined : showPage(page, asked, given.signal)
    if (hasAgreed) note(page, shownFor)
    const left = patience - (performance.now() - since) / 1000
    const decision = desk.decision(page, Math.max(left, 0), signal)
    const outcome = await Promise.race([decision, ...(declined ? [declined] : [])])
    if (outcome !== 'open') {
      given.abort()
      shown.delete(pageMark(page))
    }
    if (outcome === 'allowed') return
    const open = waitingText(host, options.isUrlInAnswers ? page : undefined)
    throw new AnsweredInstead(answerInWords(asked, { ...endings, open }[outcome]))
  }

  /** Shows the page in the client or here; resolves only if the user does not want to open it. */
  function showPage(page: string, asked: AskedFor, decided: AbortSignal): Promise<'declined'> | undefined {
    if (isShown(page)) return undefined
    const { client, capabilities, request } = asked
    const needs = `${host} needs your consent for ${subjectOf(request)}`
    const message = `Countersign: ${needs}. Decide at ${new URL(page).host}.`
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

  /** Shows a page by a request of the bridge, which stays open while the user decides. */
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
      shown.delete(pageMark(page))
      return 'declined' as const
    })
  }

  return { ask, declined: (mark) => void shown.delete(mark) }
}

function hearsLogs(era: Era, request: RpcRequest): boolean {
  return era === 'sessions' || metaOf(request)[metaKeys.logLevel] !== undefined
}

/** The kinds of objects that requests are about, by the prefixes of their methods. */
const kinds = [
  ['tools/', 'tool'],
  ['prompts/', 'prompt'],
  ['resources/', 'resource'],
  ['tasks/', 'task'],
] as const

function subjectOf({ method, params }: RpcRequest): string {
  const name = stringIn(params, 'name') || stringIn(params, 'uri')
  const kind = kinds.find(([start]) => method.startsWith(start))?.[1] ?? 'request'
  // The server chose the name: it must not read as a sentence of ours.
  return /^[^\s“”\p{C}]{1,80}$/u.test(name) ? `the ${kind} “${name}”` : `a ${kind}`
}

function waitingText(host: string, page: string | undefined): string {
  const where = page === undefined ? 'on the page that was opened or shown to you' : `at ${page}`
  const next = 'If you have decided, and your browser could not reach the page after that, reload it there.'
  return `Waiting for your consent: ${host} needs it for this. Decide ${where}, then ask again; nothing is lost meanwhile. ${next}`
}

interface AnsweredFor {
  request: RpcRequest
  client: Pick<Client, 'era'>
}

/** A sentence as the response to a request: the result of a tool, which the model reads. */
export function answerInWords({ request, client }: AnsweredFor, text: string): Answer {
  if (request.method !== 'tools/call') return refusal(rpcCodes.unanswered, text)
  const kind = client.era === 'stateless' ? { resultType: 'complete' } : {}
  return { result: { content: [{ type: 'text', text }], isError: true, ...kind } }
}

/** A request that gets its response without the server: the user has to decide, or did not allow it. */
export class AnsweredInstead extends Error {
  readonly answer: Answer

  constructor(answer: Answer) {
    super('A person must decide first.')
    this.name = 'AnsweredInstead'
    this.answer = answer
  }
}

/** A request during which the user is not prompted needs their consent. */
export class ConsentNeeded extends Error {
  constructor() {
    super('A person must decide first, and is asked when a tool is called.')
    this.name = 'ConsentNeeded'
  }
}
