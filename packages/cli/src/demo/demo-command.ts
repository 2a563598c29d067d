import type { ConsentRequest } from 'countersign/agent'
import { catchInterruption } from '../catch-interruption.js'
import { CommandError } from '../command-error.js'
import type { CommandRow } from '../program.js'
import type { Terminal } from '../terminal.js'
import { createJsonDocument } from '../trace/json-document.js'
import { createTextRenderer } from '../trace/text-renderer.js'
import type { TraceEvent } from '../trace/trace-event.js'
import { demoPerson } from './demo-world.js'
import { openBrowser } from './open-browser.js'
import { type DemoResult, runDemo } from './run-demo.js'

interface DemoFlags {
  json?: true
  quiet?: true
  deny?: true
  browser?: true
  db?: string
}

/** What the demo shows while it runs, and when it is over. */
interface View {
  onEvent: (event: TraceEvent) => void
  onResult: (result: DemoResult) => void
  /** Whether the person who must open the consent URL has seen it. */
  showsUrl: boolean
}

/** `countersign demo`: the whole flow on this machine, message by message. */
export const demoCommand: CommandRow = {
  name: 'demo',
  description: 'run agent, resource and auth server on this machine and show every message of the flow',
  flags: [
    { flags: '--json', description: 'print one JSON document instead of frames', conflicts: ['quiet'] },
    { flags: '--quiet', description: 'print only the result' },
    { flags: '--deny', description: 'let the scripted person refuse', conflicts: ['browser'] },
    { flags: '--browser', description: 'decide yourself, in your browser' },
    { flags: '--db <file>', description: 'keep the auth server’s SQLite database in this file' },
  ],
  async run(options, terminal) {
    const flags: DemoFlags = options
    const view = chooseView(flags, terminal)
    const interruption = catchInterruption()
    try {
      const result = await runDemo({
        person: flags.browser ? invite(terminal, view) : flags.deny ? 'deny' : 'grant',
        ...(flags.db === undefined ? {} : { database: flags.db }),
        onEvent: view.onEvent,
        signal: interruption.signal,
      })
      view.onResult(result)
      requireExpected(result, flags)
      return 0
    } finally {
      interruption.release()
    }
  },
}

function chooseView({ json, quiet }: DemoFlags, { write, colour }: Terminal): View {
  if (quiet) {
    return { onEvent: () => undefined, onResult: (result) => write(`${summarize(result)}\n`), showsUrl: false }
  }
  if (!json) {
    const onEvent = createTextRenderer({ write, colour })
    return { onEvent, onResult: (result) => write(`Result: ${summarize(result)}\n`), showsUrl: true }
  }
  const document = createJsonDocument()
  return { onEvent: document.onEvent, onResult: (result) => write(document.serialize(result)), showsUrl: false }
}

function summarize(result: DemoResult): string {
  return 'error' in result ? result.error : `${result.status} ${JSON.stringify(result.body)}`
}

function invite(terminal: Terminal, { showsUrl }: View): (consent: ConsentRequest) => Promise<void> {
  return async ({ url, expiresAt }) => {
    if (!showsUrl) terminal.notify(`Please open ${url}`)
    const until = new Date(expiresAt * 1000).toTimeString().slice(0, 5)
    terminal.notify(
      `Sign in as ${demoPerson.username} with ${demoPerson.password}. This waits until ${until}; Ctrl-C stops it.`,
    )
    await openBrowser(url)
  }
}

function requireExpected(result: DemoResult, { deny, browser }: DemoFlags): void {
  if ('error' in result) {
    if (!deny && !browser) throw new CommandError('Access was refused, although the person allowed it.')
  } else if (result.status !== 200) {
    throw new CommandError(`The resource answered ${result.status} at the end.`)
  }
}
