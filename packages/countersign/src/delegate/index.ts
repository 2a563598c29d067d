/**
 * An installation of an agent that is installed many times: it enrolls at the agent's server, and renews its agent tokens. The server uses
 * `countersign/agent-server`.
 *
 * @packageDocumentation
 */

export type { CallbackOutcome } from '../agent/callback-messages.js'
export { type CallbackPageOptions, callbackPage } from '../agent/callback-page.js'
export { AgentError } from '../lib/agent-error.js'
export { createDelegate, type Delegate, type DelegateOptions } from './create-delegate.js'
export { createDelegateRequests, type DelegateIdentity, type DelegateRequests } from './delegate-requests.js'
