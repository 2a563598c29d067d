/**
 * For the tools of a language model. `createHeldCalls` holds a call until the user has decided: the model is told to wait, the user receives
 * the link on another path, and the call is then sent, once and unchanged.
 *
 * @packageDocumentation
 */

export { createHeldCalls, type HeldCalls, type HeldCallsOptions, type ToolConsent } from './held-calls.js'
export type { ToolCall, ToolResult } from './tool-result.js'
