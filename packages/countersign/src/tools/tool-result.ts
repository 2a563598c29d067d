import type { AgentError } from '../lib/agent-error.js'

/** The outcome of a tool’s call. Each `message` is a fixed sentence for the model: it contains no link and no text from other parties. */
export type ToolResult =
  /** The API's response, which may be an error, with its whole body. */
  | { state: 'answered'; response: Response }
  /** `waiting`: the call is held until the user has decided. `full`: this session has too many calls, so the call was not sent. */
  | { state: 'waiting' | 'full'; message: string }
  /**
   * `denied`: by the user or a rule. `expired`: the user did not decide in time. `failed`: for any other reason. `error` is for your log,
   * not for the model, because it may quote other parties. It is not enumerable, so `JSON.stringify` omits it.
   */
  | { state: 'denied' | 'expired' | 'failed'; message: string; readonly error: unknown }

/** Sends a call, or joins the same call if it is still in progress. Never rejects. */
export type ToolCall = (url: string | URL, init?: RequestInit) => Promise<ToolResult>

const messages = {
  waiting:
    'Waiting for the user’s permission. The user has been asked outside this conversation, where you cannot see or answer the question. ' +
    'The call is kept unchanged. When you are told that the user has decided, call this tool again with the same arguments to get the result.',
  full: 'Not sent: too many calls are waiting for this user. Wait until the user has decided.',
  denied: 'Access was denied by the user or by a rule. Call this tool again only if the user asks for it.',
  expired:
    'The user did not decide in time, and the call was dropped. Call this tool again only if the user still wants it.',
  failed: 'The call failed. If it changes something, find out whether it took effect before you call this tool again.',
} as const

/** The result of a call that is not finished, or that was not sent. */
export function unfinished(state: 'waiting' | 'full'): ToolResult {
  return { state, message: messages[state] }
}

const states: Readonly<Record<string, 'denied' | 'expired'>> = { access_denied: 'denied', consent_expired: 'expired' }

/** The result of a call that rejected. */
export function failed(error: unknown): ToolResult {
  const state = states[(error as Partial<AgentError> | null)?.code ?? ''] ?? 'failed'
  return Object.defineProperty({ state, message: messages[state] }, 'error', { value: error }) as ToolResult
}
