import { METHODS } from 'node:http'
import { AAuthError } from 'countersign/resource'
import { isUntrusted, lettersOf } from '../headers.js'
import { mayContainUrl, pathOfUrl, urlsIn } from './nested-urls.js'
import { requirePath } from './path-grammar.js'
import { beginsAsPath, interpretedNames, mostInterpreted, pathsInQuery, type QueryPath } from './query-paths.js'
import { parameterLayers, parameterName, queryOf, type RequestHead } from './require-plain-fields.js'
import type { Need } from './route.js'
import type { GatewayRules, RoutedPath } from './route-table.js'

/**
 * Checks the fields of one request, in its head or its body, for other requests that a server may run instead of it: by another path (G48),
 * by another method (G02), or as a request within the request (G54). Each method throws an AAuthError, `target_ambiguous` or
 * `request_malformed`, if the other request may need more.
 */
export interface FieldCheck {
  header(name: string, value: string): void
  /** The name of a parameter or form field, without encoding. */
  name(name: string): void
  /**
   * The value of a field that {@link mayNameMethod}.
   *
   * @param value as it was sent, or its start
   * @param isMember whether it is a member of JSON
   */
  named(name: string, value: string, isMember?: boolean): void
  /**
   * The value of a parameter or form field, percent-encoded: it may be a batch in JSON, or a path.
   *
   * @param isInQuery whether paths were compared already, as those of a query are. @default false
   */
  value(encoded: string, isInQuery?: boolean): void
  /** The start of a value that is too long to be inspected. */
  longValue(start: string): void
  /**
   * A member that may be the URL of a request in a batch: of an object in an array of JSON.
   *
   * @param text undefined if it is too long to be inspected, or not a string
   */
  url(text: string | undefined): void
}

/** A request whose head was judged: it passes with what it needs. */
export interface JudgedRequest {
  head: RequestHead
  need: Need
  rules: GatewayRules
  /** The path, if it was looked up. */
  routed?: RoutedPath
}

/** URLs that are compared in one head. Each costs time before a signature is verified. */
const mostInHead = 16

/** Paths and URLs that are compared in one body. */
export const mostInBody = 100

/** Values of one request that are parsed as JSON, each once for every layer of encoding that may be JSON. */
const mostBatches = 16

/** A method that no route lists, so that the strictest route of a path counts. */
const anyMethod = ''

/** @param most paths and URLs that are compared */
export function createFieldCheck(judged: JudgedRequest, most = mostInBody): FieldCheck {
  const { head, need, rules } = judged
  const { method, rawTarget } = head
  const { table, isClosed } = rules
  let path = judged.routed
  const routed = () => (path ??= table.at(requirePath(rawTarget)))
  const isData = need.routes.every(({ mayNameMethod }) => mayNameMethod)
  const checkMethod = createMethodCheck({ method, need, routed, isData })
  const seen = new Set<string>()
  let names = 0
  let batches = 0
  let isStricter: boolean | undefined
  const mayNestMore = () => (isStricter ??= !isData && table.hasStricter(need))

  function refuseNested(what: string): void {
    if (mayNestMore()) throw nested(what)
  }

  /** Compares paths with all routes, unless the same text was compared before. */
  function compare(text: string, pathsOf: () => QueryPath[], as: string): void {
    if (seen.has(text)) return
    seen.add(text)
    const paths = pathsOf()
    names += interpretedNames(paths)
    if (seen.size > most || names > mostInterpreted)
      throw new AAuthError(
        'target_ambiguous',
        `The request has more than ${most} fields that may be paths, or longer ones.`,
      )
    requireNotClosed(paths, isClosed)
    table.requireNoStricterQuery(paths, as, need)
  }

  function named(name: string, value: string, isMember = false): void {
    const other = methodIn(value)
    if (other !== undefined) checkMethod(name, other, isMember)
  }

  function url(text: string | undefined): void {
    // An empty reference is the request itself.
    if (text === '' || !mayNestMore()) return
    const path = () => {
      const found = text === undefined ? undefined : pathOfUrl(text)
      if (!found) throw nested('A URL that servers interpret in different ways')
      return [found]
    }
    compare(`url ${text}`, path, anyMethod)
  }

  function batch(text: string): void {
    if (!/^\s*[[{]/.test(text) || !mayContainUrl(text) || !mayNestMore()) return
    if (++batches > mostBatches) refuseNested(`More than ${mostBatches} parameters in JSON`)
    const urls = urlsIn(text)
    // Lenient parsers read what strict ones refuse, such as `[{url:'/admin'}]`.
    if (!urls && text.includes('{')) refuseNested('A parameter that is not JSON but may be a batch')
    for (const each of urls ?? []) url(each)
  }

  return {
    url,
    header(name, value) {
      if (batchHeader.test(name)) refuseNested(`The header ${name.slice(0, 32)}`)
      if (!mayNameMethod(name) || requestedMethod.test(name)) return
      // Of a list, frameworks take the first item or the last one.
      const items = value.split(',')
      for (const item of new Set([items[0] ?? '', items.at(-1) ?? ''])) named(name, item)
    },
    name(name) {
      if (actionName.test(name)) refuseNested(`The field ${name}`)
    },
    named,
    longValue(start) {
      // Its last escape may be cut.
      if (/^[\0-\x20\xa0]*(?:[[{/\\]|(?:%[\da-f]?)?$)/i.test(parameterName(start)))
        refuseNested('A field that is too long to be inspected')
    },
    value(encoded, isInQuery = false) {
      if (mayBeBatch.test(encoded)) for (const text of parameterLayers(encoded)) batch(text)
      if (!isInQuery && beginsAsPath(encoded)) compare(encoded, () => pathsInQuery(encoded, false), method)
    },
  }
}

function nested(what: string): AAuthError {
  return new AAuthError(
    'target_ambiguous',
    `${what} may name another request, which may need more: send that as a request. If the API takes it as data, set mayNameMethod on the route.`,
  )
}

/** Refuses paths in fields that no route leads to. @throws AAuthError `target_ambiguous` */
export function requireNotClosed(paths: readonly QueryPath[], isClosed: GatewayRules['isClosed']): void {
  if (isClosed && paths.some(({ names }) => names.length > 0 && isClosed({ decoded: names })))
    throw new AAuthError(
      'target_ambiguous',
      'Some servers treat a field of this request as its path, which is closed here.',
    )
}

/**
 * Checks the headers of a request and its query. Paths in the query are judged before it is known what the request needs.
 *
 * @throws AAuthError as {@link FieldCheck}
 */
export function requirePlainHead(judged: JudgedRequest): void {
  // Most heads have nothing to check.
  let created: FieldCheck | undefined
  const check = () => (created ??= createFieldCheck(judged, mostInHead))
  const { rawHeaders, rawTarget, isFromProxy = false } = judged.head
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (!batchHeader.test(name) && !mayNameMethod(name)) continue
    // A proxy of the operator sets it itself, and it is not forwarded.
    if (!(isFromProxy && isUntrusted(name))) check().header(name, rawHeaders[at + 1] as string)
  }
  for (const part of rawTarget.includes('?') ? queryOf(rawTarget).split(/[&;]/) : []) {
    // No name that is looked for is shorter than `verb`, and no batch than `[{"url":""}]`.
    const equals = part.indexOf('=')
    const encodedName = equals === -1 ? part : part.slice(0, equals)
    const value = part.slice(encodedName.length + 1)
    const name = encodedName.length < 4 ? '' : parameterName(encodedName)
    if (actionName.test(name)) check().name(name)
    if (value.length > 2 && mayNameMethod(name)) check().named(name, value)
    if (value.length > 11 && mayBeBatch.test(value)) check().value(value, true)
  }
}

/** Parameters by which Astro and Qwik run an action or function of the server at any path. */
const actionName = /^(?:_action|qfunc)$/i

/** Headers of batches, and of server actions in Next.js. */
const batchHeader = /^next-action$|-batch$/i

/** The header of preflights. */
const requestedMethod = /^access-control-request-method$/i

/** A value that may begin with a bracket or brace, behind blanks and in any layer of encoding. */
const mayBeBatch = /^[\s+]*(?:[[{]|%(?:25)*[0257])/

/**
 * Words of a name by which some framework may look up the method of a request. Plural forms are lists, and a method of delivery or payment
 * is none of HTTP: both are data.
 */
const words =
  /(?<!delivery|contact|shipping|payment)method(?!s$)|verb(?![ao]|s$)|over+ide|tunnel|(?:http|rest|request)(?:action|operation|type)/

/** Cheap test for names that may have one of the words. */
const mayHaveWord = /method|verb|over|tunnel|action|operation|type/i

/** Whether a framework may look up the method of a request by a name without encoding: `verb`, `http_method`, `X-Tunneled-Method`. */
export function mayNameMethod(name: string): boolean {
  return mayHaveWord.test(name) && words.test(lettersOf(name))
}

/** The HTTP method that a text names in any case, blanks and quotes aside. */
export function methodIn(text: string): string | undefined {
  const bare = parameterName(text)
    .replaceAll(/["'\0]/g, ' ')
    .trim()
    .toUpperCase()
  return METHODS.includes(bare) ? bare : undefined
}

/** Methods that frameworks override POST with: refused in a field if no route lists them. */
const overriding: ReadonlySet<string> = new Set(['PUT', 'PATCH', 'DELETE'])

/** Methods that frameworks may take from a field of a GET or POST request only. */
const weak: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST'])

/** Refuses a field that names another method, if that needs more on the path. Each method is looked up once. */
function createMethodCheck({
  method,
  need,
  routed,
  isData,
}: {
  method: string
  need: Need
  routed: () => RoutedPath
  isData: boolean
}) {
  const known = new Map<string, 'unlisted' | 'met' | 'stricter'>([[method, 'met']])

  function lookUp(named: string) {
    if (routed().need(named) === undefined) return 'unlisted'
    return routed().isMet(named, need) ? 'met' : 'stricter'
  }

  return (name: string, named: string, isMember: boolean): void => {
    if (isData || (weak.has(named) && method !== 'GET' && method !== 'POST')) return
    const found = known.get(named) ?? lookUp(named)
    known.set(named, found)
    if (found === 'met') return
    // In JSON-RPC, the member `method` names a procedure, which may be called `delete`.
    const isOverride = overriding.has(named) && !(isMember && lettersOf(name) === 'method')
    if (found === 'stricter' || isOverride)
      throw new AAuthError(
        'request_malformed',
        `The field ${name.slice(0, 32)} names ${named}, which ${found === 'unlisted' ? 'no route lists here' : `needs more here than ${method}`}: send ${named} as the method of the request. If the API takes the field as data, set mayNameMethod on the route.`,
      )
  }
}
