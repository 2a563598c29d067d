import type { RequestEvent } from 'countersign'
import { asPlainText } from 'countersign/wire'

/** Who asks, as the log may name them: never the person, whom the log of the auth server does not name either. */
export type Asker = Pick<RequestEvent, 'agent' | 'delegate' | 'thumbprint'>

/** Names who asks: an agent and its delegate, or a key that proves no agent. */
export function askerOf({ agent, delegate, thumbprint }: Asker): Asker {
  if (agent === undefined) return { thumbprint }
  return { agent: asPlainText(agent), ...(delegate === undefined ? {} : { delegate: asPlainText(delegate) }) }
}

/** What is asked of an MCP server. */
export type AskedMcp = Pick<RequestEvent, 'mcpMethod' | 'mcpName'>

/** Methods whose `name` is that of a tool or prompt. */
const named: ReadonlySet<string> = new Set(['tools/call', 'prompts/get'])

/** Names what a message asks for; nothing for an answer, or where there is none. */
export function askedMcpOf(message: unknown): AskedMcp {
  const { method, params } = (message ?? {}) as { method?: unknown; params?: { name?: unknown } }
  if (typeof method !== 'string') return {}
  const name = named.has(method) ? params?.name : undefined
  return { mcpMethod: asPlainText(method), ...(typeof name === 'string' ? { mcpName: asPlainText(name) } : {}) }
}
