import * as platform from '#crypto'
import { parseBase64url, utf8 } from '../../lib/encodings.js'
import { isObject, type McpMessage } from './mcp-message.js'
import type { McpCaller } from './mcp-sessions.js'

/** Seals state that a client stores for a server: only the client that received it can return it, with the same call (attacks M06). */
export interface StateSeal {
  seal(state: string, message: McpMessage, holder: StateHolder): Promise<string>
  /** The server's state; undefined if it was modified, has expired, or belongs to another agent, call or endpoint. */
  open(
    sealed: string,
    message: McpMessage,
    holder: Pick<StateHolder, 'agent' | 'endpoint'>,
  ): Promise<OpenedState | undefined>
}

/** The caller that keeps a state, and the endpoint that issued it. */
export interface StateHolder extends McpCaller {
  /** The URL of the server: another server may have the same key. */
  endpoint: string
}

export interface OpenedState {
  state: string
  /**
   * The user who owns the state, and the scopes that they had approved. Undefined if the state was issued before any user approved
   * anything.
   */
  person?: string | undefined
  scope?: string | undefined
}

/** The sealed content. */
interface SealedContent extends OpenedState {
  until: number
}

/** Number of seconds until a state expires. */
const life = 600

const ivLength = 12

/** @param key 32 bytes, the same in all instances. If absent, a random key is used, and a restart invalidates all states */
export function createStateSeal(key: Uint8Array | undefined, now: () => number): StateSeal {
  const bytes = key ?? crypto.getRandomValues(new Uint8Array(32))
  if (!(bytes instanceof Uint8Array) || bytes.length !== 32) throw new TypeError('sealState: the key must be 32 bytes')
  const imported = crypto.subtle.importKey('raw', new Uint8Array(bytes), 'AES-GCM', false, ['encrypt', 'decrypt'])
  return {
    async seal(state, message, holder) {
      const iv = crypto.getRandomValues(new Uint8Array(ivLength))
      const { person, scope } = holder
      const sealedContent: SealedContent = { state, person, scope, until: Math.floor(now()) + life }
      const content = utf8(JSON.stringify(sealedContent))
      const additionalData = utf8(await boundTo(message, holder))
      const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData }, await imported, content)
      return platform.serializeBase64url(Uint8Array.from([...iv, ...new Uint8Array(sealed)]))
    },
    async open(sealed, message, holder) {
      const bytes = parseBase64url(sealed)
      if (!bytes || bytes.length <= ivLength) return undefined
      const additionalData = utf8(await boundTo(message, holder))
      const iv = bytes.slice(0, ivLength)
      const opened = await crypto.subtle
        .decrypt({ name: 'AES-GCM', iv, additionalData }, await imported, bytes.slice(ivLength))
        .catch(() => undefined)
      if (!opened) return undefined
      const content = JSON.parse(new TextDecoder().decode(opened)) as SealedContent
      return content.until > now() ? content : undefined
    },
  }
}

/** The data to which a state is bound, besides its user and expiry: the endpoint, the agent, the method and the parameters. */
async function boundTo(
  { method, params }: McpMessage,
  { endpoint, agent }: Pick<StateHolder, 'agent' | 'endpoint'>,
): Promise<string> {
  const { requestState: _state, inputResponses: _responses, _meta, ...salient } = params
  const digest = await crypto.subtle.digest('SHA-256', utf8(JSON.stringify(sorted(salient))))
  return JSON.stringify([endpoint, agent, method, platform.serializeBase64url(new Uint8Array(digest))])
}

/** Normalizes the order of members. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  const names = Object.keys(value).toSorted()
  // Wrapped in an object, so that no array serializes to the same text.
  return { members: names.map((name) => [name, sorted(value[name])]) }
}
