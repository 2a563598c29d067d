import { METHODS } from 'node:http'
import { AAuthError } from 'countersign/resource'
import { isUntrusted, lettersOf } from '../headers.js'
import type { Need } from './path-rows.js'
import { type PlainMessage, parameterName } from './require-plain-fields.js'
import type { RoutedPath } from './route-table.js'

/**
 * Words of a name by which some framework may look up the method of a request. Plural forms are lists, and a method of delivery or payment
 * is none of HTTP: both are data.
 */
const words =
  /(?<!delivery|contact|shipping|payment)method(?!s$)|verb(?![ao]|s$)|over+ide|tunnel|(?:http|rest|request)(?:action|operation|type)/

/** Cheap test for names that may have one of the words. */
const mayHaveWord = /method|verb|over|tunnel|action|operation|type/i

/** Longest text that may be the name of a method, with three layers of encoding. */
const longestMethod = 256

/** Whether a framework may look up the method of a request by a name without encoding: `verb`, `http_method`, `X-Tunneled-Method`. */
export function mayNameMethod(name: string): boolean {
  return mayHaveWord.test(name) && words.test(lettersOf(name))
}

/** The HTTP method that a text names in any case, blanks and quotes aside. */
export function methodIn(text: string): string | undefined {
  if (text.length > longestMethod) return undefined
  const method = /^[\s"']*([a-z-]{3,20})[\s"'\0]*$/i.exec(parameterName(text))?.[1]?.toUpperCase()
  return method !== undefined && METHODS.includes(method) ? method : undefined
}

/**
 * Refuses a request that names another method in a field, if that method needs more on its path.
 *
 * @param isMember whether the field is a member of JSON
 * @throws AAuthError `request_malformed`, `target_ambiguous`
 */
export type MethodCheck = (name: string, method: string, isMember?: boolean) => void

/** Methods that are refused in a field if no route lists them: those that frameworks override POST with. */
const overriding: ReadonlySet<string> = new Set(['PUT', 'PATCH', 'DELETE'])

/** Methods that frameworks may take from a field of a GET or POST request only. */
const weak: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST'])

/** Creates the check for the fields of one request, wherever they are: each method is looked up once. */
export function createMethodCheck({ method }: { method: string }, need: Need, routed: () => RoutedPath): MethodCheck {
  const known = new Map<string, 'unlisted' | 'met' | 'stricter'>([[method, 'met']])
  const isData = need.routes.every((route) => route.mayNameMethod)

  function lookUp(named: string) {
    if (routed().need(named) === undefined) return 'unlisted'
    return routed().isMet(named, need) ? 'met' : 'stricter'
  }

  return (name, named, isMember = false) => {
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

/**
 * Checks the headers and the query of a request for methods that they name.
 *
 * @throws AAuthError as {@link MethodCheck}
 */
export function requireNoNamedMethod(head: PlainMessage, check: MethodCheck): void {
  for (const [name, method] of methodsOfHeaders(head)) check(name, method)
  const mark = head.rawTarget.indexOf('?')
  if (mark === -1) return
  for (const [, name = '', value = ''] of head.rawTarget
    .slice(mark + 1)
    .matchAll(/(?<=^|[&;])([^&;=]{4,})=([^&;]{3,})/g)) {
    const plain = parameterName(name)
    const method = mayNameMethod(plain) ? methodIn(value) : undefined
    if (method !== undefined) check(plain, method)
  }
}

/** Of a list, frameworks take the first item or the last one. */
function* methodsOfHeaders({ rawHeaders, isFromProxy }: PlainMessage): Generator<[name: string, method: string]> {
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    if (!mayNameMethod(name) || /^access-control-request-method$/i.test(name)) continue
    // A proxy of the operator sets it itself, and it is not forwarded.
    if (isFromProxy && isUntrusted(name)) continue
    const items = (rawHeaders[at + 1] as string).split(',')
    for (const item of new Set([items[0], items.at(-1)])) {
      const method = methodIn(item as string)
      if (method !== undefined) yield [name, method]
    }
  }
}
