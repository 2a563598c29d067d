import { readFileSync, writeFileSync } from 'node:fs'
import { decodeToken } from 'countersign/tokens'

/** Creates a `fetch` over a map from origins to handlers. `during` returns a function that finds the messages sent while `act` ran. */
export function createRecorder(origins) {
  const exchanges = []

  async function fetch(input, init) {
    const request = new Request(input, init)
    const sent = { request: request.clone(), body: await request.clone().text() }
    const response = await origins.get(new URL(request.url).origin)(request)
    exchanges.push({ ...sent, response: response.clone(), answer: await response.clone().text() })
    return response
  }

  async function during(act) {
    const from = exchanges.length
    await act()
    const made = exchanges.slice(from)
    return (path, text = '') => {
      const found = made.find(({ request, body, response }) => {
        const { pathname, search } = new URL(request.url)
        const isAt = path.endsWith('/') ? pathname.startsWith(path) : pathname === path
        return isAt && `${request.method} ${search} ${body} ${response.status}`.includes(text)
      })
      if (!found) throw new Error(`no request containing ${text} was sent to ${path}`)
      return found
    }
  }

  return { fetch, during, exchanges }
}

/** A request and its response. */
export function both(exchange) {
  return `${requestOf(exchange)}\n\n${answerOf(exchange)}`
}

const requestFields = [
  'prefer',
  'aauth-capabilities',
  'content-type',
  'content-digest',
  'nonce',
  'signature-input',
  'signature',
  'signature-key',
]

export function requestOf({ request, body }) {
  const { host, pathname, search } = new URL(request.url)
  const isJson = request.headers.get('content-type') === 'application/json' && body.length > 60
  return part(
    `${request.method} ${cut(pathname + search)} HTTP/1.1\nHost: ${host}`,
    fieldsIn(request.headers, requestFields),
    isJson ? pretty(body) : cut(body).replaceAll('&', '&\n'),
  )
}

const responseFields = [
  'agent-auth',
  'aauth-requirement',
  'signature-error',
  'location',
  'retry-after',
  'content-type',
  'cache-control',
  'vary',
]

export function answerOf({ response, answer }) {
  const isJson = /^application\/(?:problem\+)?json/.test(response.headers.get('content-type') ?? '') && answer !== ''
  return part(
    `HTTP/1.1 ${response.status}`,
    fieldsIn(response.headers, responseFields),
    isJson ? pretty(answer) : cut(answer),
  )
}

function fieldsIn(headers, names) {
  return names.flatMap((name) => (headers.has(name) ? [field(name, headers.get(name))] : []))
}

function pretty(json) {
  return cut(JSON.stringify(JSON.parse(json), null, 2))
}

function part(start, lines, body) {
  return [start, ...lines, ...(body === '' ? [] : ['', body])].join('\n')
}

function field(name, value) {
  const title = name.replaceAll(/(^|-)\w/g, (letter) => letter.toUpperCase()).replace(/^Aauth/, 'AAuth')
  return `${title}: ${cut(value)}`
}

/** A token's header and claims. */
export function tokenOf(token) {
  const { header, payload } = decodeToken(token)
  return cut(`${JSON.stringify(header, null, 2)}\n.\n${JSON.stringify(payload, null, 2)}`)
}

/** The first token in a text. */
export const tokenIn = (text) => /eyJ[\w.-]+/.exec(text)[0]

/** Truncates long values. */
function cut(text) {
  return text
    .replaceAll(/eyJ[\w.-]{24,}/g, (token) => `${token.slice(0, 20)}…`)
    .replaceAll(/[\w+/-]{80,}/g, (long) => `${long.slice(0, 20)}…`)
}

/**
 * Masks the values that differ in each run: keys, signatures, digests, ids and secrets, and whether the poll that is answered is one that
 * waited.
 */
function masked(text) {
  return text
    .replaceAll(/^Prefer: .*\n/gm, '')
    .replaceAll(/=:[^:]+:/g, '=:~:')
    .replaceAll(/\baa(?:cd|rq|rt)_[\w-]+|\beyJ[\w.-]+|(?<=state(?:=|%3D))[\w-]+|(?<=Nonce: )[\w-]+/g, '~')
    .replaceAll(/(?<=nonce=")[\w-]+|(?<=code=")[\w-]+|(?<=[?]code=)[\dA-Z-]{14}/g, '~')
    .replaceAll(/("?(?:x|jti|presented_jti|agent_jkt|sub)"?[=:] ?)"[\w.-]{16,}"/g, '$1"~"')
}

/** Compares the named blocks of a page with the messages. Returns what differs, after writing it if `writes` is set. */
export function checkBlocks(page, blocks, writes) {
  const failures = []
  const unseen = new Set(Object.keys(blocks))
  const text = readFileSync(page, 'utf8')
  const written = text.replaceAll(/^```http ([\w -]+)\n([\s\S]*?)^```$/gm, (whole, name, shown) => {
    unseen.delete(name)
    const made = blocks[name]
    if (made === undefined) {
      failures.push(`${page} shows "${name}", which is not a message of scripts/protocol-messages.mjs`)
      return whole
    }
    if (masked(`${made}\n`) === masked(shown)) return whole
    failures.push(
      `"${name}" in ${page} differs from the message that is sent: node scripts/protocol-messages.mjs --write`,
    )
    return `\`\`\`http ${name}\n${made}\n\`\`\``
  })
  for (const name of unseen) failures.push(`${page} does not show "${name}"`)
  if (writes) writeFileSync(page, written)
  return failures
}
