import { vi } from 'vitest'

/** Form and URL parameters, and JSON members, that must not appear in a log. */
const secretNames = new Set([
  'auth_token',
  'code',
  'credential',
  'csrf',
  'new_password',
  'password',
  'refresh_token',
  'request_token',
  'resource_token',
  'state',
  'token',
])

/** The shortest value that is searched for; shorter ones would match by chance. */
const shortest = 8

/** The secrets that occurred, by kind. */
export interface Secrets {
  readonly kinds: ReadonlyMap<string, ReadonlySet<string>>
  add(kind: string, value: string | undefined | null): void
  /** The kinds of secrets that a text contains, in full or as 24 consecutive characters. */
  foundIn(text: string): string[]
}

export function createSecrets(): Secrets {
  const kinds = new Map<string, Set<string>>()
  return {
    kinds,
    add(kind, value) {
      if (!value || value.length < shortest) return
      kinds.set(kind, (kinds.get(kind) ?? new Set()).add(value))
    },
    foundIn(text) {
      return [...kinds]
        .filter(([, values]) => [...values].some((value) => pieces(value).some((piece) => text.includes(piece))))
        .map(([kind]) => kind)
    },
  }
}

/** Every run of 24 characters contains one of these in full. */
function pieces(value: string): string[] {
  if (value.length <= 24) return [value]
  const starts = Array.from({ length: Math.floor((value.length - 16) / 8) + 1 }, (_, index) => index * 8)
  return starts.map((start) => value.slice(start, start + 16))
}

/** Collects the secrets of every message sent with the global fetch, until the test ends. */
export function collectFromFetch(secrets: Secrets): void {
  const original = globalThis.fetch
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input, init)
    await collectFromRequest(secrets, request.clone())
    const response = await original(request)
    await collectFromResponse(secrets, response.clone())
    return response
  })
}

async function collectFromRequest(secrets: Secrets, request: Request): Promise<void> {
  const { headers } = request
  secrets.add('nonce', headers.get('nonce'))
  secrets.add('signature', /:([^:]+):/.exec(headers.get('signature') ?? '')?.[1])
  secrets.add('token in Signature-Key', /jwt="([^"]+)"/.exec(headers.get('signature-key') ?? '')?.[1])
  for (const pair of (headers.get('cookie') ?? '').split('; ')) secrets.add('cookie', pair.split('=')[1])
  collectFromParameters(secrets, new URL(request.url).searchParams)
  if (headers.get('content-type')?.startsWith('application/x-www-form-urlencoded'))
    collectFromParameters(secrets, new URLSearchParams(await request.text()))
}

async function collectFromResponse(secrets: Secrets, response: Response): Promise<void> {
  for (const cookie of response.headers.getSetCookie()) secrets.add('cookie', cookie.split(/[=;]/)[1])
  const location = response.headers.get('location')
  if (location !== null) collectFromParameters(secrets, new URL(location, 'http://here.invalid').searchParams)
  secrets.add('resource_token', /resource_token="([^"]+)"/.exec(response.headers.get('agent-auth') ?? '')?.[1])
  const text = await response.text()
  for (const [, csrf] of text.matchAll(/name="csrf" value="([^"]+)"/g)) secrets.add('csrf', csrf)
  if (!response.headers.get('content-type')?.startsWith('application/json')) return
  for (const [name, value] of Object.entries(JSON.parse(text) as object))
    if (secretNames.has(name) && typeof value === 'string') secrets.add(name, value)
}

function collectFromParameters(secrets: Secrets, parameters: URLSearchParams): void {
  for (const [name, value] of parameters) if (secretNames.has(name)) secrets.add(name, value)
}
