import type { ConsentRequest } from 'countersign/agent'
import { CommandError, usageError } from '../command/command-error.js'
import { exitStatus } from '../command/exit-status.js'
import type { Run } from '../command/run.js'
import { catchInterruption } from '../terminal/catch-interruption.js'
import { openBrowser } from '../terminal/open-browser.js'
import type { Terminal } from '../terminal/terminal.js'
import { chooseView, type DemoView, type ViewFlags } from './demo-view.js'
import { demoPerson } from './demo-world.js'
import { interopHint } from './flow-failure.js'
import { noticeRefusals } from './notice-refusals.js'
import { type PartyFlags, partyOptions } from './party-options.js'
import { type DemoResult, runDemo } from './run-demo.js'
import { serveDemo } from './serve-demo.js'

interface DemoFlags extends ViewFlags, PartyFlags {
  deny?: true
  browser?: true
  serve?: true
}

/** `countersign demo`: the whole flow on this machine, message by message; or its parts, to meet those of others. */
export const demoCommand: Run = async (options, terminal) => {
  const flags: DemoFlags = options
  const parties = partyOptions(flags)
  const serves = flags.serve ?? (flags.only !== undefined && flags.only !== 'agent')
  if (serves && (flags.deny || flags.browser))
    throw usageError('--deny and --browser are for an agent that runs the flow.')
  const view = chooseView(flags, serves, terminal)
  const interruption = catchInterruption(terminal)
  try {
    const running = { ...parties, onEvent: view.onEvent, signal: interruption.signal }
    if (serves) {
      const onEvent = noticeRefusals(view.onEvent, terminal.notify, flags.interop ?? false)
      await serveDemo({ ...running, onEvent, onReady: view.onReady })
      return exitStatus.done
    }
    const person = flags.browser ? invite(terminal, view) : flags.deny ? 'deny' : 'grant'
    const result = await runDemo({ ...running, person }).catch((error: unknown) => {
      if (!interruption.signal.aborted) view.onFailure(error)
      throw error
    })
    view.onResult(result)
    requireExpected(result, flags)
    return exitStatus.done
  } finally {
    interruption.release()
  }
}

function invite(terminal: Terminal, { showsUrl }: DemoView): (consent: ConsentRequest) => Promise<void> {
  return async ({ url, code, expiresAt }) => {
    if (!showsUrl) terminal.notify(`Please open ${url}\nIf the page shows a code, it should be ${code}.`)
    const until = new Date(expiresAt * 1000).toTimeString().slice(0, 5)
    terminal.notify(
      `Sign in as ${demoPerson.username} with ${demoPerson.password}. This waits until ${until}; Ctrl-C stops it.`,
    )
    await openBrowser(url, terminal.env)
  }
}

function requireExpected(result: DemoResult, { deny, browser, only, interop }: DemoFlags): void {
  if ('error' in result) {
    if (!deny && !browser) throw new CommandError('Access was refused, although the person allowed it.')
  } else if (result.status !== 200) {
    const answered = `The resource answered ${result.status} at the end`
    const cause = exactCause(result.body)
    if (cause !== undefined) throw new CommandError(`${answered}: ${cause}`)
    throw new CommandError(`${answered}.${only !== undefined && !interop ? ` ${interopHint}` : ''}`)
  }
}

/** What a peer says about a request that it cannot read, which may be of another form for it. */
const aboutForm: readonly unknown[] = ['invalid_input', 'invalid_request', 'invalid_signature']

/** What the resource says is wrong, where that has nothing to do with the form of the request. */
function exactCause(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('error' in body) || !('error_description' in body))
    return undefined
  const { error, error_description: description } = body
  return typeof description === 'string' && !aboutForm.includes(error) ? description : undefined
}
