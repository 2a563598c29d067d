import type { ClientStage } from './client-stage.js'
import type { Tool } from './notes-server.js'

/** An MCP client whose user signs in and allows when it opens a browser. */
export interface TestedClient {
  listTools: () => Promise<string[]>
  /** Returns the text of the result. */
  call: (tool: Tool) => Promise<string>
  close: () => Promise<void>
}

/** The steps of {@link runSteps}, in order. */
export const steps = ['signIn', 'list', 'call', 'stepUp', 'refresh', 'revoked'] as const

/** What came of each step: `yes`, or `no` with what happened instead. */
export type Outcomes = Record<(typeof steps)[number], string>

/**
 * Takes a client through everything that can happen to its access: sign-in, allowed calls, a call that needs another scope, an access token
 * that has expired, and access that the user has revoked.
 */
export async function runSteps(client: TestedClient, stage: ClientStage): Promise<Outcomes> {
  const { prompts } = stage

  /** Whether a request succeeds after this many prompts. */
  async function outcomeOf(request: () => Promise<unknown>, expected: number): Promise<string> {
    const before = prompts.length
    try {
      await request()
    } catch (error) {
      return `no: ${(error as Error).message}`
    }
    const shown = prompts.length - before
    return shown === expected ? 'yes' : `no: ${shown} prompts instead of ${expected}`
  }

  const signIn = await outcomeOf(() => client.listTools(), 1)
  const list = await outcomeOf(() => client.listTools(), 0)
  const call = await outcomeOf(() => client.call('read_notes'), 0)
  const stepUp = await outcomeOf(() => client.call('write_notes'), 1)
  stage.expireTokens()
  const refresh = await outcomeOf(() => client.call('read_notes'), 0)
  await stage.removeAgents()
  stage.expireTokens()
  const revoked = await outcomeOf(() => client.call('read_notes'), 1)
  return { signIn, list, call, stepUp, refresh, revoked }
}
