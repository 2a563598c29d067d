import type { ClientStage } from './client-stage.js'
import type { Tool } from './notes-server.js'

/** An MCP client whose user signs in and allows when it opens a browser. */
export interface TestedClient {
  listTools: () => Promise<string[]>
  /** Returns the text of the result. */
  call: (tool: Tool) => Promise<string>
  /** The client's own command or button for signing in, if it does not open a browser by itself. */
  signIn?: (scope?: string) => Promise<void>
  /** Moves its clock, if it decides by its own clock whether a token has expired. */
  pass?: (seconds: number) => Promise<void>
  close: () => Promise<void>
}

/** The steps of {@link runSteps}, in order. */
export const steps = ['signIn', 'list', 'call', 'stepUp', 'refresh', 'revoked'] as const

type Step = (typeof steps)[number]

/** Whether a step works: by itself, after the user has used the client's command for signing in, or not at all. */
export type Outcome = 'yes' | 'by hand' | 'no'

export interface StepResults {
  outcomes: Record<Step, Outcome>
  /** Why steps did not work by themselves. */
  reasons: Partial<Record<Step, string>>
}

/** The lifetime of an access token, and how long a revoked one works, in seconds. */
const tokenLifetime = 600
const revocationDelay = 5

/**
 * Takes a client through everything that can happen to its access: sign-in, allowed calls, a call that needs another scope, an access token
 * that has expired, and access that the user has revoked.
 */
export async function runSteps(client: TestedClient, stage: ClientStage): Promise<StepResults> {
  const { prompts } = stage
  const reasons: StepResults['reasons'] = {}

  /** Whether a request succeeds after this many prompts. */
  async function outcomeOf(step: Step, request: () => Promise<unknown>, expected: number, scope?: string) {
    const before = prompts.length
    try {
      await request()
      const shown = prompts.length - before
      if (shown === expected) return 'yes'
      reasons[step] = `${shown} prompts instead of ${expected}`
    } catch (error) {
      reasons[step] = (error as Error).message
      if (client.signIn && expected > 0 && prompts.length === before) return signInAnd(step, request, scope)
    }
    return 'no'
  }

  async function signInAnd(step: Step, request: () => Promise<unknown>, scope?: string): Promise<Outcome> {
    try {
      await client.signIn?.(scope)
      await request()
      return 'by hand'
    } catch (error) {
      reasons[step] += `; after sign-in: ${(error as Error).message}`
      return 'no'
    }
  }

  const signIn = await outcomeOf('signIn', () => client.listTools(), 1)
  const list = await outcomeOf('list', () => client.listTools(), 0)
  const call = await outcomeOf('call', () => client.call('read_notes'), 0)
  const stepUp = await outcomeOf('stepUp', () => client.call('write_notes'), 1, 'connect notes.read notes.write')
  stage.pass(tokenLifetime + 1)
  await client.pass?.(tokenLifetime + 1)
  const refresh = await outcomeOf('refresh', () => client.call('read_notes'), 0)
  await stage.removeAgents()
  stage.pass(revocationDelay + 1)
  const revoked = await outcomeOf('revoked', () => client.call('read_notes'), 1)
  return { outcomes: { signIn, list, call, stepUp, refresh, revoked }, reasons }
}
