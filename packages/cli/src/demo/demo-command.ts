import type { ConsentRequest } from 'countersign/agent'
import { CommandError, exitStatus, usageError } from '../command/errors.js'
import type { DemoEdition } from '../editions/demo-edition.js'
import type { EditionName } from '../editions/load-edition.js'
import { loadDemo } from '../editions/load-edition.js'
import { catchInterruption } from '../terminal/interruption.js'
import { openBrowser } from '../terminal/open-browser.js'
import { withProgress } from '../terminal/progress.js'
import type { Run, Terminal } from '../terminal/terminal.js'
import { buildRun } from '../trace-page/build-run.js'
import { renderPage } from '../trace-page/render-page.js'
import { requireRedirected } from '../trace-page/trace-command.js'
import { chooseView, type DemoView, type ViewFlags } from './demo-view.js'
import { type DemoUsers, signInHint } from './demo-world.js'
import { interopHint, noticeRefusals } from './notice-refusals.js'
import { type PartyFlags, partyOptions } from './party-flags.js'
import { type RecordOptions, recordRun } from './record-run.js'
import { type DemoResult, runDemo, serveDemo } from './run-demo.js'
import { runStory } from './run-story.js'
import { createTeller } from './story-teller.js'

interface DemoFlags extends ViewFlags, PartyFlags {
  deny?: true
  browser?: true
  serve?: true
  quiet?: true
  page?: true
  edition?: EditionName
}

/**
 * `countersign demo`: narrates what an agent does on this machine, shows its flow message by message, or runs single parties of the flow to
 * test against other implementations.
 */
export const demoCommand: Run<DemoFlags> = async (flags, terminal) => {
  const edition = await loadDemo(flags.edition)
  const parties = { ...partyOptions(flags, edition), edition }
  const serves = flags.serve ?? (flags.only !== undefined && flags.only !== 'agent')
  if (serves && (flags.deny || flags.browser))
    throw usageError('--deny and --browser apply only when the agent runs the flow.')
  const { users } = parties
  if (flags.page) requireRedirected(terminal, 'countersign demo --page > demo.html')
  const view = chooseView(flags, { edition, serves, users }, terminal)
  const interruption = catchInterruption(terminal)
  try {
    if (flags.page) {
      const record = () => renderDemo({ ...parties, signal: interruption.signal })
      terminal.write(await withProgress(terminal, 'Running the demo, and trying what must be refused', record))
      return exitStatus.done
    }
    const person = flags.deny ? 'deny' : 'grant'
    if (!serves && !flags.only && !flags.trace && !flags.json && !flags.quiet) {
      const opens = (url: string) => openBrowser(url, terminal.env)
      const story = { ...parties, tell: createTeller(terminal), signal: interruption.signal }
      await runStory({ ...story, person: flags.browser ? opens : person })
      return exitStatus.done
    }
    const captured = flags.trace === true || (flags.json === true && !serves)
    const running = { ...parties, captured, onEvent: view.onEvent, signal: interruption.signal }
    if (serves) {
      const hints = { edition, hintsAtInterop: edition.hasOlderForm && !flags.interop }
      const onEvent = noticeRefusals(view.onEvent, terminal.notify, hints)
      await serveDemo({ ...running, onEvent, onReady: view.onReady })
      return exitStatus.done
    }
    const result = await runDemo({ ...running, person: flags.browser ? invite(terminal, view, users) : person }).catch(
      (error: unknown) => {
        if (!interruption.signal.aborted) view.onFailure(error)
        throw error
      },
    )
    view.onResult(result)
    requireExpected(result, flags, edition)
    return exitStatus.done
  } finally {
    interruption.release()
  }
}

/** Records a run, and returns its page. */
async function renderDemo(options: RecordOptions & { edition: DemoEdition }): Promise<string> {
  const run = await recordRun(options)
  return renderPage(
    await buildRun({
      ...run,
      edition: options.edition.command,
      now: Date.now() / 1000,
      title: 'How an agent gets access to your data',
      lead: 'A program, called an agent, needs a user’s data at an API. It has no password, no API key and no registration. It gets a token, but one that a thief cannot use. Every message on this page was really sent.',
      notice:
        'Recorded from the demo. This file contains the tokens and codes of that run: the demo has ended and its keys are gone, so they are worthless.',
    }),
  )
}

function invite(
  terminal: Terminal,
  { showsUrl }: DemoView,
  users: DemoUsers,
): (consent: ConsentRequest) => Promise<void> {
  return async ({ url, code, expiresAt }) => {
    if (!showsUrl) terminal.notify(`Please open ${url}\nIf the page shows a code, it should be ${code}.`)
    const until = new Date(expiresAt * 1000).toTimeString().slice(0, 5)
    terminal.notify(`Please ${signInHint(users)}. The demo waits until ${until}; press Ctrl-C to stop.`)
    await openBrowser(url, terminal.env)
  }
}

function requireExpected(
  result: DemoResult,
  { deny, browser, only, interop }: DemoFlags,
  { hasOlderForm }: DemoEdition,
): void {
  if ('error' in result) {
    if (!deny && !browser)
      throw new CommandError('The agent was denied access although the user allowed it; --trace shows the messages.')
  } else if (result.status !== 200) {
    const answered = `The resource’s final response was ${result.status}`
    const cause = exactCause(result.body)
    if (cause !== undefined) throw new CommandError(`${answered}: ${cause}`)
    throw new CommandError(`${answered}.${only !== undefined && hasOlderForm && !interop ? ` ${interopHint}` : ''}`)
  }
}

/** Error codes with which a peer rejects a request that it cannot parse, possibly because it expects a different form of the protocol. */
const aboutForm: readonly unknown[] = ['invalid_input', 'invalid_request', 'invalid_signature']

/** Returns the resource's error description, unless the error may have been caused by the form of the request. */
function exactCause(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('error' in body)) return undefined
  const { error } = body
  const description = 'error_description' in body ? body.error_description : 'detail' in body ? body.detail : undefined
  return typeof description === 'string' && !aboutForm.includes(error) ? description : undefined
}
