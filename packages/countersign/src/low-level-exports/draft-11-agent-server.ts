/**
 * Draft -11 for the server of an agent with many installations, and for other servers that revoke their own tokens. A separate entry point,
 * so that agents and resources do not load it.
 *
 * @packageDocumentation
 */

export { draft11AgentServer } from '../editions/draft-11/agent-server.js'
export { type Revoker, sendRevocation } from '../editions/draft-11/send-revocation.js'
