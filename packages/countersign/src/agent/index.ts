export { AgentError, type AgentErrorCode } from './agent-error.js'
export type { CallbackOutcome } from './callback-page.js'
export { type Agent, type AgentOptions, createAgent, type SignInRequest } from './create-agent.js'
export type { ConsentRequest } from './request-auth-token.js'
