import { METHODS } from 'node:http'
import { AAuthError } from 'countersign/resource'
import { lettersOf, traitsOf } from '../headers.js'
import { requireNotClosed } from './closed-paths.js'
import { parameterLayers, parameterName } from './lenient-decoding.js'
import { mayContainUrl, nested, pathsOfUrl, skippedBefore, urlsIn } from './nested-urls.js'
import { beginsAsPath, interpretedNames, pathsInLongValue, pathsInValue, type QueryPath } from './query-paths.js'
import { type ParsedPath, requirePath } from './request-path.js'
import { queryOf, type RequestHead, requireNoTokenName } from './require-plain-fields.js'
import type { Need } from './route.js'
import type { GatewayRules, RoutedPath } from './route-table.js'

/**
 * Checks the fields of a request, in its head or its body, for other requests that a server may run instead: with another path (G48), with
 * another method (G02), or as a request within the request (G54). Each method throws an AAuthError, `target_ambiguous` or
 * `request_malformed`, if the other request may require more.
 */
export interface FieldCheck {
  /** Whether the route permits fields that name a method or a nested request, because the API treats them as data. */
  readonly isData: boolean
  /** Whether any value may be a path that requires more, with or without a slash at its start. */
  readonly anyPath: boolean
  /** Whether a nested request may require more. */
  mayNest(): boolean
  header(name: string, value: string): void
  /** Checks the decoded name of a parameter or form field. */
  name(name: string): void
  /**
   * Checks the value of a field that {@link mayNameMethod}.
   *
   * @param value the value as sent, or its start
   * @param options.isMember whether it is a JSON member. @default false
   */
  methodField(name: string, value: string, options?: { isMember: boolean }): void
  /**
   * Checks the percent-encoded value of a parameter or form field, which may be a JSON batch or a path.
   *
   * @param options.isInQuery whether paths have already been compared, as for a query. @default false
   */
  value(encoded: string, options?: { isInQuery: boolean }): void
  /** Checks the start of a value that is too long to be inspected. */
  longValue(start: string): void
  /**
   * Checks a member that may be the URL of a request in a batch, because its object is in a JSON array.
   *
   * @param text undefined if it is too long to be inspected, or not a string
   */
  url(text: string | undefined): void
}

/** A request whose head was accepted, with its requirements. */
export interface CheckedRequest {
  head: RequestHead
  need: Need
  rules: GatewayRules
  /** The path, if it has already been looked up. */
  routed?: RoutedPath
}

/** Maximum number of URLs to compare in one head. Each comparison takes time before a signature has been verified. */
const maxInHead = 16

/**
 * Maximum number of paths and URLs to compare in one body, and, on average, of paths that each of them may be, and of names in all their
 * interpretations.
 */
const [maxInBody, maxPaths, maxNames] = [100, 4, 200]

/** Maximum number of values per request that are parsed as JSON. A value is parsed once for each layer of encoding that may be JSON. */
const maxBatches = 16

/** A method that no route lists, so that the path's strictest route applies. */
const anyMethod = ''

/** @param most maximum number of paths and URLs to compare */
export function createFieldCheck(judged: CheckedRequest, most = maxInBody): FieldCheck {
  const { need } = judged
  const { method, rawTarget } = judged.head
  const { table, isClosed, frontController = false } = judged.rules
  let parsed: ParsedPath | undefined
  const path = () => (parsed ??= requirePath(rawTarget))
  let found = judged.routed
  const routed = () => (found ??= table.at(path()))
  const isData = need.routes.every(({ mayNameMethod }) => mayNameMethod)
  const checkMethod = createMethodCheck({ method, need, routed, isData })
  const seen = new Set<string>()
  let [compared, names, batches] = [0, 0, 0]
  let isStricter: boolean | undefined
  const hasStricter = () => (isStricter ??= table.hasStricter(need))
  const mayNest = () => !isData && hasStricter()
  const anyPath = frontController && (isClosed !== undefined || hasStricter())

  function refuseNested(what: string): void {
    if (mayNest()) throw nested(what)
  }

  /** Compares paths with all routes, unless the same text has already been compared. */
  function compare(text: string, pathsOf: () => QueryPath[], as: string): void {
    if (seen.has(text)) return
    seen.add(text)
    const paths = pathsOf()
    compared += paths.length
    names += interpretedNames(paths)
    if (seen.size > most || compared > most * maxPaths || names > most * maxNames)
      throw new AAuthError(
        'target_ambiguous',
        `The request has more than ${most} fields that may be paths, or they are too long or sent to too deep a path.`,
      )
    requireNotClosed(paths, isClosed)
    table.requireNoStricterQuery(paths, as, need)
  }

  function methodField(name: string, value: string, { isMember } = { isMember: false }): void {
    const other = methodIn(value)
    if (other !== undefined) checkMethod(name, other, { isMember })
  }

  function url(text: string | undefined): void {
    // An empty reference refers to the request itself.
    if (text === '' || !mayNest()) return
    const pathsOf = () => {
      const paths = text === undefined ? undefined : pathsOfUrl(text, path().decoded)
      if (!paths) throw nested('A URL that servers interpret in different ways')
      return paths
    }
    compare(`url ${text}`, pathsOf, anyMethod)
  }

  function batch(text: string): void {
    if (!jsonStart.test(text) || !mayContainUrl(text) || !mayNest()) return
    if (++batches > maxBatches) refuseNested(`More than ${maxBatches} JSON parameters`)
    const urls = urlsIn(text)
    // Lenient parsers accept input that strict ones reject, such as `[{url:'/admin'}]`.
    if (!urls && text.includes('{')) refuseNested('A parameter that is not JSON but may be a batch')
    for (const each of urls ?? []) url(each)
  }

  return {
    isData,
    anyPath,
    mayNest,
    url,
    header(name, value) {
      if (batchHeader.test(name)) refuseNested(`The header ${name.slice(0, 32)}`)
      if (!mayNameMethod(name) || requestedMethod.test(name)) return
      // If the header is a list, some frameworks take the first item, and others the last.
      const items = value.split(',')
      for (const item of new Set([items[0], items.at(-1)] as string[])) methodField(name, item)
    },
    name(name) {
      if (actionName.test(name)) refuseNested(`The field ${name}`)
      if (judged.rules.acceptsOAuth) requireNoTokenName(name)
    },
    methodField,
    longValue(start) {
      if (longStart.test(parameterName(start))) refuseNested('A field that is too long to be inspected')
      const paths = pathsInLongValue(start, { frontController: anyPath, hasStricter })
      if (paths.length > 0) compare(start, () => paths, method)
    },
    value(encoded, { isInQuery } = { isInQuery: false }) {
      if (mayBeBatch.test(encoded)) for (const text of parameterLayers(encoded)) batch(text)
      if (!isInQuery && (anyPath || beginsAsPath(encoded)))
        compare(encoded, () => pathsInValue(encoded, { frontController }), method)
    },
  }
}

/**
 * Checks a request's headers and query. Paths in the query are compared before the requirements of the request are known.
 *
 * @throws AAuthError as {@link FieldCheck}
 */
export function requirePlainHead(judged: CheckedRequest): void {
  // Most heads contain nothing to check.
  let created: FieldCheck | undefined
  const check = () => (created ??= createFieldCheck(judged, maxInHead))
  const { rawHeaders, rawTarget, isFromProxy = false } = judged.head
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const value = rawHeaders[at + 1] as string
    if (/^cookie$/i.test(name))
      for (const [, encoded, text] of value.matchAll(/(?<=^|;)([^;=]{4,})=([^;]*)/g) as Iterable<
        [string, string, string]
      >) {
        const cookie = parameterName(encoded.trim())
        if (mayNameMethod(cookie)) check().methodField(cookie, text)
      }
    if (!batchHeader.test(name) && !mayNameMethod(name)) continue
    // The operator's proxy sets this header, and it is not forwarded.
    if (!(isFromProxy && traitsOf(name).isUntrusted)) check().header(name, value)
  }
  for (const part of rawTarget.includes('?') ? partsOf(queryOf(rawTarget)) : []) {
    // The shortest relevant name is `verb`.
    const equals = part.indexOf('=')
    const encodedName = equals === -1 ? part : part.slice(0, equals)
    const value = part.slice(encodedName.length + 1)
    const name = encodedName.length < 4 ? '' : parameterName(encodedName)
    if (actionName.test(name)) check().name(name)
    if (mayNameMethod(name)) check().methodField(name, value)
    if (mayBeBatch.test(value)) check().value(value, { isInQuery: true })
  }
}

/** The parameters of a query. Some servers separate them at `&` and `;`, others only at `&`. */
function partsOf(query: string): string[] {
  return [...query.split(/[&;]/), ...query.split('&').filter((part) => part.includes(';'))]
}

/** Parameters and fields that make Astro, Qwik and React run a server action or function at any path. */
const actionName = /^(?:_(?:astro)?action|q(?:func|action)|\$action_(?:id|ref)_.*)$/is

/** Headers used for batches, for Next.js server actions, and for other objects that storage APIs read, such as `X-Amz-Copy-Source`. */
const batchHeader = /^next-action$|-batch$|-(?:copy|rename)-source$|-copy-from$|-object-manifest$|-symlink-target$/i

/** The method header of preflights. */
const requestedMethod = /^access-control-request-method$/i

/** A decoded value that starts as JSON. */
const jsonStart = new RegExp(`^[${skippedBefore}]*[[{]`)

/** A value that may start as JSON after decoding. */
export const mayBeBatch = new RegExp(`^[${skippedBefore}+]*[[{%]`)

/** The start of a long value that may be JSON or a path. Its last escape may be truncated. */
const longStart = new RegExp(String.raw`^[${skippedBefore}]*(?:[[{/\\]|(?:%(?:u?[\da-f]{0,3})?)?$)`, 'i')

/** Compound words in a name, in addition to the {@link words}. */
export const compounds = '(?:http|rest|request)(?:action|operation|type)'

/**
 * Words in a name by which some framework may look up the request method. Plural forms are lists, and a delivery or payment method is not
 * an HTTP method, so both are treated as data.
 */
const words = new RegExp(
  `(?<!delivery|contact|shipping|payment)method(?!s$)|verb(?![ao]|s$)|over+ide|tunnel|${compounds}`,
)

/** A cheap test for names that may contain one of the words. */
const mayHaveWord = /method|verb|over|tunnel|action|operation|type/i

/** Whether a framework may look up the request method by a decoded name: `verb`, `http_method`, `X-Tunneled-Method`. */
export function mayNameMethod(name: string): boolean {
  return mayHaveWord.test(name) && words.test(lettersOf(name))
}

/** The HTTP method that a string specifies, ignoring case, whitespace, quotes, and the zero bytes of UTF-16. */
export function methodIn(text: string): string | undefined {
  const bare = parameterName(text)
    .replaceAll('\0', '')
    .replaceAll(/[^!#-&(-~]+/g, ' ')
    .trim()
    .toUpperCase()
  return METHODS.includes(bare) ? bare : undefined
}

/** Methods with which frameworks override POST. They are refused in a field even if no route lists them. */
const overriding: ReadonlySet<string> = new Set(['PUT', 'PATCH', 'DELETE'])

/** Methods that frameworks may take from a field only if the request method is GET or POST. */
const weak: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST'])

/** Refuses a field that specifies another method, if that method requires more on the path. Each method is looked up only once. */
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

  const lookUp = (other: string) =>
    routed().need(other) === undefined ? 'unlisted' : routed().isMet(other, need) ? 'met' : 'stricter'

  return (name: string, other: string, { isMember }: { isMember: boolean }): void => {
    if (isData || (weak.has(other) && method !== 'GET' && method !== 'POST')) return
    const result = known.get(other) ?? lookUp(other)
    known.set(other, result)
    if (result === 'met') return
    // In JSON-RPC, the `method` member specifies a procedure, which may be called `delete`.
    const isOverride = overriding.has(other) && !(isMember && lettersOf(name) === 'method')
    if (result === 'stricter' || isOverride)
      throw new AAuthError(
        'request_malformed',
        `The field ${name.slice(0, 32)} specifies ${other}, which ${result === 'unlisted' ? 'no route lists here' : `needs more here than ${method}: send ${other} as the request method`}. If the API treats the field as data, set mayNameMethod on the route.`,
      )
  }
}
