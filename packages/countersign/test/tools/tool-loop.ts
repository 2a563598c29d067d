import {
  createHeldCalls,
  type HeldCalls,
  type HeldCallsOptions,
  type ToolConsent,
  type ToolResult,
} from 'countersign/tools'
import { expect, onTestFinished } from 'vitest'
import { ids, openStage, type Stage } from '../agent/stage.js'

export interface Loop extends Stage {
  calls: HeldCalls
  /** What the user was shown. */
  shown: ToolConsent[]
  call: ReturnType<HeldCalls['through']>
  /** Decides the first consent. */
  decide: (parameters?: Record<string, string>) => Promise<void>
  /** What the API received with a token. */
  served: () => string[]
}

/** An agent whose tools hold their calls. */
export function openLoop(options: Partial<HeldCallsOptions> = {}, agent: Parameters<typeof openStage>[0] = {}): Loop {
  const shown: ToolConsent[] = []
  const calls = createHeldCalls({ showLink: (consent) => void shown.push(consent), ...options })
  const stage = openStage({ onConsent: calls.onConsent, ...agent })
  const loop: Loop = {
    ...stage,
    calls,
    shown,
    call: calls.through(stage.agent.for('s1').fetch, 's1'),
    async decide(parameters) {
      const consent = shown[0] ?? expect.fail('no one was asked')
      await stage.answer({ ...consent, session: 's1' }, parameters)
    },
    served: () =>
      stage.seen
        .filter(({ url, scheme }) => url.startsWith(ids.api) && scheme === 'jwt')
        .map(({ method, url, body }) => `${method} ${url} ${body}`.trim()),
  }
  // Functions of the stage read their own object.
  Object.defineProperty(loop, 'api', {
    set(api: Stage['api']) {
      stage.api = api
    },
  })
  onTestFinished(() => calls.forget('s1'))
  return loop
}

export const textOf = async (result: ToolResult): Promise<string> =>
  result.state === 'answered' ? result.response.text() : result.state
