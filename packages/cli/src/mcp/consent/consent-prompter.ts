import { type Era, metaKeys, metaOf, opensUrls, promptsForConsent } from '../messages/eras.js'
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
import { inputRequiredResult } from './asked-before.js'
import { type ConsentDesk, pageMark } from './consent-desk.js'

/** A client's request that needs the user's consent first. */
interface PromptContext {
  request: RpcRequest
  client: Client
  /** The client's capabilities. */
  capabilities: JsonObject
  /** The mark of the page that the user has agreed to open. */
  agreedTo: string | undefined
  /** When the user was first prompted for this request, by `performance.now()`. */
  since: number
  signal: AbortSignal
  toClient: (message: Message) => void
}

interface ConsentAskerOptions {
  host: string
  desk: ConsentDesk
  /** How long a call waits for the user, in seconds. */
  patience: number
  /** Whether to include the page's URL in responses, which the model reads. */
  isUrlInAnswers: boolean
  /** Shows a page to the user if the client cannot. */
  show: (text: string, page: string) => void
}

export interface ConsentPrompter {
  /**
   * Prompts the user to decide on a page, in a way that their client supports. Resolves when the user has allowed the request, which is
   * then sent again.
   *
   * @throws RespondedLocally with the response to the request, if the user has not allowed it
   * @throws ConsentNeeded for requests during which the user is not prompted
   */
  ask(page: string, asked: PromptContext): Promise<void>
  /** Called when the user declined to open the page with this mark, so that the next request prompts them again. */
  declined(mark: string): void
}

/** How long a page counts as shown after the user has agreed to open it, in milliseconds. */
const shownFor = 300_000

export function createConsentAsker(options: ConsentAskerOptions): ConsentPrompter {
  const { host, desk, patience } = options
  /** The time until which each page counts as shown, by its mark, so that parallel calls show it only once. */
  const shown = new Map<string, number>()

  function isShown(page: string): boolean {
    const now = performance.now()
    for (const [mark, until] of shown) if (until <= now) shown.delete(mark)
    return shown.has(pageMark(page))
  }

  const note = (page: string, milliseconds: number) => shown.set(pageMark(page), performance.now() + milliseconds)

  const endings = {
    denied: `Denied: the user did not allow what ${host} requires for this.`,
    declined: `Not allowed: the user declined to open the consent page for ${host}.`,
  }

  async function ask(page: string, asked: PromptContext): Promise<void> {
    const { request, since, signal, agreedTo } = asked
    if (!promptsForConsent(asked.client.era, request.method)) throw new ConsentNeeded()
    const hasAgreed = agreedTo === pageMark(page)
    // The user decided before the client repeated the call, so this is a new page.
    if (!hasAgreed && agreedTo !== undefined && (await desk.isDenied(agreedTo)))
      throw new RespondedLocally(textResponse(asked, endings.denied))
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
    throw new RespondedLocally(textResponse(asked, { ...endings, open }[outcome]))
  }

  /** Shows the page in the client or here. Resolves only if the user declines to open it. */
  function showPage(page: string, asked: PromptContext, decided: AbortSignal): Promise<'declined'> | undefined {
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
    if (client.era === 'stateless')
      throw new RespondedLocally({ result: inputRequiredResult(request, { url: page, message }) })
    return showInClient(page, { client, message, decided })
  }

  function showHere(page: string, { client, request, toClient }: PromptContext): void {
    const text = `${host} needs your consent for ${subjectOf(request)}. Decide here: ${page}`
    options.show(text, page)
    const { progressToken } = metaOf(request)
    if (progressToken !== undefined)
      toClient(notification('notifications/progress', { progressToken, progress: 0, message: text }))
    if (receivesLogs(client.era, request))
      toClient(notification('notifications/message', { level: 'notice', logger: 'countersign mcp', data: text }))
  }

  /** Shows a page through a request to the client, which stays pending while the user decides. */
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

function receivesLogs(era: Era, request: RpcRequest): boolean {
  return era === 'sessions' || metaOf(request)[metaKeys.logLevel] !== undefined
}

/** The kinds of objects in requests, by method prefix. */
const kinds = [
  ['tools/', 'tool'],
  ['prompts/', 'prompt'],
  ['resources/', 'resource'],
  ['tasks/', 'task'],
] as const

function subjectOf({ method, params }: RpcRequest): string {
  const name = stringIn(params, 'name') || stringIn(params, 'uri')
  const kind = kinds.find(([start]) => method.startsWith(start))?.[1] ?? 'request'
  // The server chose the name, so the name must not be able to look like one of our sentences.
  return /^[^\s“”\p{C}]{1,80}$/u.test(name) ? `the ${kind} “${name}”` : `a ${kind}`
}

function waitingText(host: string, page: string | undefined): string {
  const where = page === undefined ? 'on the page that was opened or shown to you' : `at ${page}`
  const next = 'If you have already decided and your browser then failed to load the next page, reload that page.'
  return `Waiting for your consent, which ${host} requires for this. Decide ${where}, then ask again; nothing is lost in the meantime. ${next}`
}

interface AnsweredFor {
  request: RpcRequest
  client: Pick<Client, 'era'>
}

/** Returns a sentence as the response to a request. For a tool call, the sentence is the tool's result, which the model reads. */
export function textResponse({ request, client }: AnsweredFor, text: string): Answer {
  if (request.method !== 'tools/call') return refusal(rpcCodes.unanswered, text)
  const kind = client.era === 'stateless' ? { resultType: 'complete' } : {}
  return { result: { content: [{ type: 'text', text }], isError: true, ...kind } }
}

/** Thrown when the bridge itself responds: the user has to decide or did not allow the request, or the server refuses the client. */
export class RespondedLocally extends Error {
  readonly answer: Answer

  constructor(answer: Answer) {
    super('The bridge itself responded.')
    this.name = 'RespondedLocally'
    this.answer = answer
  }
}

/** Thrown when consent is needed for a request during which the user is not prompted. */
export class ConsentNeeded extends Error {
  constructor() {
    super('The user must decide first, and will be prompted when a tool is called.')
    this.name = 'ConsentNeeded'
  }
}
