import { decodeToken, parseJsonObject } from 'countersign/tokens'
import type { CommandEdition } from '../editions/command-edition.js'
import { explainMember } from '../inspect/claims.js'
import type { SeenExchange } from '../message-trace/exchange-log.js'
import { findTokens } from '../message-trace/find-tokens.js'
import { type HeaderLines, isDiscovery, type TracedRequest, type TracedResponse } from '../message-trace/trace-event.js'

/** Members of queries, forms, JSON and challenges that are no secrets. All others are removed. */
const shared: ReadonlySet<string> = new Set(
  'error error_description detail type title status iss issuer scope request_type grant_type token_type expires_in redirect_uri callback url requirement auth_server'.split(
    ' ',
  ),
)

/** Headers that contain no secrets, in addition to those that an edition defines. */
const sharedHeaders =
  /^(?:host|date|age|connection|keep-alive|vary|server|prefer|retry-after|nonce|content-.*|cache-control|accept.*|signature.*|www-authenticate|user-agent|sec-fetch-.*|transfer-encoding)$/

const randomSegment = /^(?=.*\d)[\w-]{16,}$/

/**
 * Removes what must not be shared from a trace: the signatures of tokens, so that no one can use them; codes, states and other values that only
 * their recipients may know; claims about the user; cookies and credentials; and the bodies of the API. What is removed is replaced by a
 * placeholder, which is the same wherever the value occurs.
 */
export function redactExchanges(
  exchanges: readonly SeenExchange[],
  edition: Pick<CommandEdition, 'claims' | 'headers'>,
): readonly SeenExchange[] {
  const placeholders = new Map<string, string>()
  const hide = (text: string) => {
    // Of one length, so that none is found inside another.
    const known = placeholders.get(text) ?? `removed-${String(placeholders.size + 1).padStart(4, '0')}`
    placeholders.set(text, known)
    return known
  }
  const context: Context = { hide, edition, ownHeaders: Object.keys(edition.headers).map((name) => name.toLowerCase()) }
  return exchanges.map(({ request, response, ...exchange }) => {
    // Documents and keys are public.
    const isPublic = request.method === 'GET' && isDiscovery(request.url)
    const body = exchange.to === 'resource' ? 'removed' : 'members'
    const responded = isPublic ? 'kept' : (response?.status ?? 0) < 400 ? body : 'members'
    return {
      ...exchange,
      request: { ...redactContent(request, body, context), url: redactUrl(request.url, context) },
      response: response && redactContent(response, responded, context),
    }
  })
}

interface Context {
  hide: (text: string) => string
  edition: Pick<CommandEdition, 'claims'>
  ownHeaders: readonly string[]
}

/** What happens to a body. `members`: only its secret members are removed. */
type BodyTreatment = 'kept' | 'removed' | 'members'

function redactContent<T extends TracedRequest | TracedResponse>(
  message: T,
  treatment: BodyTreatment,
  context: Context,
): T {
  const tokens = findTokens(message)
  const withoutTokens = (text: string) =>
    tokens.reduce((rest, { compact }) => rest.replaceAll(compact, redactToken(compact, context)), text)
  const headers: HeaderLines = message.headers.map(([name, value]) => [
    name,
    redactHeader(name, withoutTokens(value), context),
  ])
  const type = message.headers.find(([name]) => name === 'content-type')?.[1] ?? ''
  const { body } = message
  if (body === null || treatment === 'kept') return { ...message, headers }
  if (treatment === 'removed') return { ...message, headers, body: '[removed]' }
  return { ...message, headers, body: redactBody(withoutTokens(body), type, context) }
}

/** Keeps what a token says, and replaces its signature with one that no one accepts. */
function redactToken(compact: string, { hide, edition }: Context): string {
  const decoded = decodeToken(compact)
  if (!decoded) return hide(compact)
  const { header, payload } = decoded
  const claims = Object.entries(payload).map(([name, value]) => {
    const isKnown = name !== 'sub' && explainMember(name, value, { claims: edition.claims, now: 0 }) !== undefined
    return [name, isKnown ? value : hide(JSON.stringify(value))]
  })
  const parts = [header, Object.fromEntries(claims)].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  return [...parts, 'REMOVED_'].join('.')
}

function redactHeader(name: string, value: string, context: Context): string {
  if (name === 'location') return redactUrl(value, context)
  // The other parameters state where the key is published. A token that cannot be decoded is removed as a whole.
  if (name === 'signature-key')
    return value.replaceAll(/(?<=\bjwt=")(?:[^"\\]|\\.)*/g, (jwt) => redactMember('jwt', jwt, context))
  if (context.ownHeaders.includes(name))
    return value.replaceAll(
      /([\w-]+)="((?:[^"\\]|\\.)*)"/g,
      (_, member: string, text: string) => `${member}="${redactMember(member, text, context)}"`,
    )
  return sharedHeaders.test(name) ? value : '[removed]'
}

function redactBody(body: string, type: string, context: Context): string {
  if (type.startsWith('application/x-www-form-urlencoded')) return redactForm(body, context)
  const object = parseJsonObject(body)
  if (!object) return type.startsWith('text/html') ? '[removed: an HTML page]' : '[removed]'
  const members = Object.entries(object).map(([name, value]) => [
    name,
    typeof value === 'string'
      ? redactMember(name, value, context)
      : shared.has(name)
        ? value
        : context.hide(JSON.stringify(value)),
  ])
  return JSON.stringify(Object.fromEntries(members))
}

function redactForm(form: string, context: Context): string {
  const members = [...new URLSearchParams(form)].map(([name, value]) => [name, redactMember(name, value, context)])
  return new URLSearchParams(members as [string, string][]).toString()
}

function redactMember(name: string, value: string, context: Context): string {
  if (value.endsWith('.REMOVED_')) return value
  if (!shared.has(name)) return context.hide(value)
  return URL.canParse(value) ? redactUrl(value, context) : value
}

/** Relative URLs are possible in `Location`. */
function redactUrl(url: string, context: Context): string {
  const [, path = '', query] = /^([^?#]*)(?:\?([^#]*))?/.exec(url) ?? []
  const segments = path.split('/').map((segment) => (randomSegment.test(segment) ? context.hide(segment) : segment))
  return segments.join('/') + (query === undefined ? '' : `?${redactForm(query, context)}`)
}
