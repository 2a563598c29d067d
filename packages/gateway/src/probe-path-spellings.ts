import { randomUUID } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { AAuthError } from 'countersign/resource'
import { checkRequest } from './routes/check-request.js'
import { parsePathPattern } from './routes/path-pattern.js'
import { coversNeed, type Need, type Route } from './routes/route.js'
import type { GatewayRules } from './routes/route-table.js'
import { parseUpstream } from './upstream.js'

/** How an alternative spelling differs from a route's path. */
export const spellingKinds = {
  case: 'ignores case',
  slash: 'ignores a trailing slash',
  end: 'ignores trailing dots and spaces',
  ending: 'ignores extensions such as .json',
  index: 'ignores index files',
  prefix: 'matches path prefixes as plain text',
  data: 'serves page data at another path',
  parameters: 'ignores ;… parameters in the last segment',
  cut: 'truncates a path at ; or an encoded ? or #',
  encoded: 'decodes %2F before matching the path',
  doubly: 'decodes a path twice',
  letters: 'treats encoded or compatibility characters as plain ones',
  segments: 'ignores empty segments, or resolves encoded dot segments',
  script: 'treats a path appended to a script name as the path itself',
  stream: 'ignores ::$DATA',
  slashed: 'treats a query key or value with a slash as the path',
  frontController: 'treats any query key or value as the path',
} as const

export type SpellingKind = keyof typeof spellingKinds

/** An alternative spelling of a request target. */
interface Spelling {
  kind: SpellingKind
  target: string
}

/** The concrete path to probe for a route. @param values parameter values by name, and the value of `*` */
function examplePath(pattern: string, values: ReadonlyMap<string, string>): string {
  const filled = pattern.replaceAll(/\{([^{}]*)\}/g, (_, name: string) => values.get(name) ?? '1')
  return parsePathPattern(pattern).open ? filled.replace(/\*$/, values.get('*') ?? 'x') : filled
}

/** The spellings that servers may treat as the path itself. */
function spellingsOf(path: string): Spelling[] {
  const at = path.lastIndexOf('/') + 1
  const [parent, last] = [path.slice(0, at), path.slice(at)]
  const bare = path.slice(1)
  const letter = /[a-z](?=[^/]*$)/i.exec(path)
  const replaced = (make: (letter: string) => string) =>
    letter ? [path.slice(0, letter.index) + make(letter[0]) + path.slice(letter.index + 1)] : []
  const targets: Readonly<Record<SpellingKind, readonly string[]>> = {
    case: [path.toUpperCase(), path.toLowerCase()],
    slash: [`${path}/`],
    end: [`${path}.`, `${path}%20`, `${path}+`],
    ending: [`${path}.json`, `${path}.tar.gz`, `${path}.data`, `${path}.rsc`, `${path}.x/y`],
    index: [`${path}/index.html`, `${path}/index.php`, `${path}/index`],
    prefix: [`${path}~`, `${path}-x`, `${path}x/y`],
    data: [`${path}/__data.json`, `${path}/_payload.json`, `${path}/_.data`, `${path}/q-data.json`],
    parameters: [`${path};x`, `${path};x=1`],
    cut: [`${path};/x`, `${path}%3Fx`, `${path}%3F/x`, `${path}%23/x`, `${path}%3Bx`],
    encoded: parent === '/' ? [] : [`${parent.slice(0, -1)}%2F${last}`],
    doubly: replaced((text) => `%25${hex(text)}`),
    letters: [...replaced((text) => `%${hex(text)}`), ...replaced(wide), ...replaced((text) => `${text}%C2%AD`)],
    segments: [`/${path}`, `/x/..${path}`, `/x/%2e%2e${path}`, `/%2e${path}`, `/x/..;${path}`],
    script: [`/index.php${path}`, `/x/index.php${path}`, `${path}/index.php/x`, `/index${path}`],
    stream: [`${path}::$DATA`],
    slashed: [`/?${path}`, `/?r=${path}`, `/?rest_route=${path}`, `/index.php?${path}`],
    frontController: [`/?${bare}`, ...['r', 'q', 's', 'route', 'url'].map((key) => `/?${key}=${bare}`)],
  }
  const spellings = Object.entries(targets) as [SpellingKind, readonly string[]][]
  return last === ''
    ? []
    : spellings.flatMap(([kind, made]) => made.filter((target) => target !== path).map((target) => ({ kind, target })))
}

function hex(letter: string): string {
  return letter.charCodeAt(0).toString(16)
}

/** A full-width letter, which NFKC maps to the plain letter. */
function wide(letter: string): string {
  return encodeURIComponent(String.fromCharCode(letter.charCodeAt(0) + 0xfee0))
}

/** The part of a response that is compared. */
interface ProbeResponse {
  status: number
  /** The media type, without parameters. */
  type: string
  /** The body without the request target, which some APIs repeat in it. */
  body: string
}

/** Maximum number of body bytes to compare. */
const maxBody = 262_144

/** Response timeout, in milliseconds. */
const timeout = 5000

/**
 * Sends a GET request with the exact target, bypassing URL parsers, which would normalize it.
 *
 * @throws Error if no response arrives within 5 seconds
 */
function rawGet(upstream: string, target: string, headers: Readonly<Record<string, string>>): Promise<ProbeResponse> {
  const { secure, hostname, port } = parseUpstream(upstream)
  return new Promise((resolve, reject) => {
    const send = secure ? httpsRequest : httpRequest
    const request = send({
      host: hostname,
      port,
      path: target,
      headers,
      agent: false,
      signal: AbortSignal.timeout(timeout),
    })
    request.once('error', reject)
    request.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      const end = () => {
        const [type = ''] = (response.headers['content-type'] ?? '').split(';', 1)
        resolve({
          status: response.statusCode ?? 0,
          type: type.trim().toLowerCase(),
          body: text.replaceAll(target, ''),
        })
      }
      response.on('data', (chunk: string) => {
        text += chunk
        if (text.length < maxBody) return
        end()
        response.destroy()
      })
      response.once('end', end)
      response.once('error', reject)
    })
    request.end()
  })
}

export interface ProbeOptions {
  /** The URL of a test instance of the API. */
  upstream: string
  routes: readonly Route[]
  /** Undefined if the table is refused because its routes collide. */
  rules: GatewayRules | undefined
  /** Parameter values by name, and the value of `*`. @default `1`, and `x` for `*` */
  values?: ReadonlyMap<string, string> | undefined
  /** Headers that the API requires, such as those for its own authentication. @default none */
  headers?: Readonly<Record<string, string>> | undefined
  /** Maximum number of requests in total. @default 5000 */
  maxRequests?: number | undefined
}

/** A spelling that the API treats as the path of a route. */
export interface RunSpelling {
  kind: SpellingKind
  target: string
  /** Whether the gateway refuses this spelling, requires as much as for the route's path, or requires less. Undefined without rules. */
  gateway: 'refused' | 'as much' | 'less' | undefined
}

export interface RouteProbe {
  method: string
  path: string
  /** The path that was sent. */
  example: string
  /** Whether the API's response differs from its response to a nonexistent path. */
  isComparable: boolean
  status: number
  runs: readonly RunSpelling[]
}

export interface ApiProbe {
  routes: readonly RouteProbe[]
  requests: number
  /** Whether all routes were probed within `maxRequests`. */
  isComplete: boolean
  /** The kinds of spellings that were compared for at least one path. */
  compared: ReadonlySet<SpellingKind>
}

/**
 * Sends alternative spellings of each route's path to a test instance of the API, unsigned and with GET only. Compares the responses with
 * the responses to the path itself and to a nonexistent path.
 *
 * @throws Error if the API does not respond
 */
export async function probeApi(options: ProbeOptions): Promise<ApiProbe> {
  const { upstream, routes, rules, values = new Map(), headers = {}, maxRequests = 5000 } = options
  let requests = 0
  const get = (target: string) => {
    requests++
    return rawGet(upstream, target, headers)
  }
  const compared = new Set<SpellingKind>()
  const probed: RouteProbe[] = []
  const readable = routes.filter(({ method }) => method === 'GET' || method === '*')
  for (const { method, path } of readable) {
    const example = examplePath(path, values)
    const spellings = spellingsOf(example)
    if (requests + spellings.length + 4 > maxRequests) break
    const plain = await get(example)
    const isStable = isEqual(plain, await get(example))
    const missing = [await get(`/${randomUUID()}`), await get(siblingOf(example))]
    const isSame = (response: ProbeResponse) =>
      response.status === plain.status && response.type === plain.type && (!isStable || response.body === plain.body)
    const isComparable = !missing.some(isSame) && plain.status < 500
    const runs: RunSpelling[] = []
    for (const { kind, target } of isComparable ? spellings : []) {
      compared.add(kind)
      const response = await get(target).catch(() => undefined)
      if (response && isSame(response)) runs.push({ kind, target, gateway: rules && verdictOn(target, example, rules) })
    }
    probed.push({ method, path, example, isComparable, status: plain.status, runs })
  }
  return { routes: probed, requests, isComplete: probed.length === readable.length, compared }
}

function isEqual(one: ProbeResponse, other: ProbeResponse): boolean {
  return one.status === other.status && one.type === other.type && one.body === other.body
}

/** A nonexistent sibling of a path. */
function siblingOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1) + randomUUID()
}

/** The requirements for a signed GET; undefined if it is refused. */
function needAt(rawTarget: string, rules: GatewayRules): Need | undefined {
  try {
    return checkRequest({ method: 'GET', rawTarget, rawHeaders: ['Signature', ''] }, rules).need
  } catch (error) {
    if (error instanceof AAuthError) return undefined
    throw error
  }
}

function verdictOn(target: string, example: string, rules: GatewayRules): RunSpelling['gateway'] {
  const need = needAt(target, rules)
  if (!need) return 'refused'
  const own = needAt(example, rules)
  return own && coversNeed(need, own) ? 'as much' : 'less'
}
