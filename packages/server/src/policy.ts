/** What is asked for, verified. */
export interface PolicyRequest {
  agent: string
  delegate: string | null
  resource: string
  scope: readonly string[]
}

/** `ask` shows a person the consent page; `deny` refuses with `access_denied`. */
export type PolicyDecision = 'ask' | 'deny'

/** A pure function of the request. Nobody gets a token without a decision: there is no `grant` here (W19). */
export type Policy = (request: PolicyRequest) => PolicyDecision

/** Asks a person, whoever the agent is. */
export const askAlways: Policy = () => 'ask'
