/**
 * References in comments: `W12` and `S§9.3` are in `docs/protocol.md`, `K25` is in `docs/attacks.md`, both in the package `countersign`.
 *
 * @packageDocumentation
 */

/** Request timeouts of an MCP client, named as in the SDKs of both protocol eras. */
export interface McpTimeouts {
  /** Milliseconds without a response or progress notification. */
  timeout: number
  resetTimeoutOnProgress: true
}

export interface McpTimeoutsOptions {
  /** How long the user may take to decide, and then the tool to run, in seconds. @default 1800 */
  patience?: number | undefined
}

/**
 * Options for the requests of an MCP client whose transport sends by `agent.fetch`: such a request may wait for a person. Clients give a
 * request up after 60 seconds unless they are told otherwise; what the person allows later is kept for the next request, but the answer to
 * this one is lost. Give the agent the same patience, by `consentTimeout`, so that it does not wait on for a client that has gone.
 *
 * @throws TypeError for a patience that no timer can wait
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
