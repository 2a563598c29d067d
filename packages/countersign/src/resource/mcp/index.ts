/**
 * MCP servers that verify the agents that call them. `protectMcp` requires a level and a scope for each tool, resource and prompt, and
 * hides items that an agent may not use.
 *
 * @packageDocumentation
 */

export { authorizeMcp, type McpNeed } from './authorize-mcp.js'
export { type JudgedMcpRequest, judgeMcpRequest } from './authorize-mcp-request.js'
export { checkFieldNames, checkMirrors } from './check-mirrors.js'
export { filteredList, requestsList, unreadableResponse } from './filter-lists.js'
export type { McpAuthInfo } from './mcp-auth-info.js'
export { type McpMessage, type McpRefusal, readMcpMessage } from './mcp-message.js'
export { createMcpSessions, type McpCaller, type McpSession, type McpSessions } from './mcp-sessions.js'
export { type McpTable, mcpNameProblem } from './mcp-table.js'
export { type MirroredParameters, mirroredParameters } from './mirrored-parameters.js'
export type { McpMiddleware, McpNodeRequest, McpNodeResponse } from './node-middleware.js'
export { type McpFetch, type McpOptions, type ProtectedMcp, protectMcp } from './protect-mcp.js'
