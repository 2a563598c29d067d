/**
 * For MCP clients that use `agent.fetch`: `mcpTimeouts`, request timeouts that leave the user time to decide.
 *
 * @packageDocumentation
 */

/** Request timeouts of an MCP client, named as in the SDKs of both protocol eras. */
export interface McpTimeouts {
  /** Time without a response or progress notification, in milliseconds. */
  timeout: number
  resetTimeoutOnProgress: true
}

export interface McpTimeoutsOptions {
  /** How long the user may take to decide, plus how long the tool may then run, in seconds. @default 1800 */
  patience?: number | undefined
}

/**
 * Request options for an MCP client whose transport sends through `agent.fetch`, since such a request may wait for the user. By default,
 * clients give up after 60 seconds: what the user allows later is stored for the next request, but the response to this one is lost. Set
 * the agent’s `consentTimeout` to the same value, so that it does not keep waiting for a client that has given up.
 *
 * @throws TypeError if `patience` is not more than 0, or is longer than a timer can run
 * @example
 * ```ts
 * const transport = new StreamableHTTPClientTransport(new URL('https://api.example/mcp'), { fetch: agent.fetch })
 * const timeouts = mcpTimeouts()
 * await client.connect(transport, timeouts)
 * const tools = await client.listTools({}, timeouts)
 * ```
 */
export function mcpTimeouts({ patience = 1800 }: McpTimeoutsOptions = {}): McpTimeouts {
  if (!(patience > 0 && patience <= longestPatience))
    throw new TypeError(`patience must be a number of seconds, more than 0 and at most ${longestPatience}`)
  return { timeout: patience * 1000, resetTimeoutOnProgress: true }
}

/** The longest delay of a timer, in seconds. */
const longestPatience = 2_147_483
