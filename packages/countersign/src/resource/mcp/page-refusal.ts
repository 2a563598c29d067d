import { fieldValues, type ReceivedMessage } from '../../httpsig/received-message.js'
import { isLoopbackIdentifier } from '../../protocol/documents.js'
import { type McpRefusal, mcpCodes } from './mcp-message.js'

/**
 * Refuses a request of a web page that may not call the server (MCP, Streamable HTTP). A page that reaches a server on loopback through DNS
 * rebinding sends its own hostname; over TLS, it has no certificate for the server's.
 *
 * @param id the resource's identifier
 * @param origins the origins of pages that may call the server, besides its own. @default `*`; on loopback, all origins on loopback
 */
export function pageRefusal(
  id: string,
  origins: '*' | readonly string[] | undefined,
  received: Pick<ReceivedMessage, 'rawHeaders'>,
): McpRefusal | undefined {
  const { origin: own } = new URL(id)
  const isLocal = isLoopbackIdentifier(own)

  function mayCall(page: string): boolean {
    if (page === own || origins === '*') return true
    return origins ? origins.includes(page) : !isLocal || isLoopbackIdentifier(page)
  }

  if (isLocal && !fieldValues(received, 'host').every((host) => isLoopbackIdentifier(`http://${host.toLowerCase()}`)))
    return refused(`This server accepts requests only on loopback: connect to ${own}.`)
  if (fieldValues(received, 'origin').every(mayCall)) return undefined
  return refused(
    'Web pages with this Origin may not call the server: list it in origins of protectMcp, or in cors.origins of the gateway.',
  )
}

function refused(reason: string): McpRefusal {
  return { status: 403, code: mcpCodes.invalidRequest, reason, id: null }
}
