import type { ConsentRequest } from 'countersign/agent'
import type { Terminal } from '../terminal/terminal.js'
import { emphasis, wrapText } from '../terminal/text.js'
import { type DemoParty, type DemoUsers, signInHint } from './demo-world.js'

/** Writes the demo's story in lines of up to 80 columns. Only a page's URL may be longer. */
export interface Teller {
  /** `server` is what the edition calls its auth server. */
  start: (ids: Readonly<Record<DemoParty, string>>, server: string) => void
  /** Starts the next numbered step. */
  step: (text: string) => void
  /** Writes a line of the current step. */
  line: (text: string) => void
  /** Writes a response from the API. `meaning` explains it to readers who do not know its error codes. */
  response: (url: string, status: number, meaning: string) => void
  /** Shows a real user the page on which to decide, and how to sign in. */
  page: (consent: ConsentRequest, users: DemoUsers) => void
  end: (authServer: string, keepsRunning: boolean) => void
}

const indent = '   '

/** Creates a narrator that writes to a terminal and numbers the steps. */
export function createTeller({ write, colour }: Pick<Terminal, 'write' | 'colour'>): Teller {
  let steps = 0
  const emphasize = (text: string) => (colour ? `${emphasis.on}${text}${emphasis.off}` : text)
  const paragraph = (lead: string, text: string) => write(`${wrapText(lead, text)}\n`)
  const line = (text: string) => paragraph(indent, text)
  return {
    line,
    start(ids, server) {
      paragraph('', 'An agent (a program) needs a user’s data. It has no password and no API key.')
      write('\n')
      write(`${indent}agent ${ids.agent}, API ${ids.resource}\n`)
      write(`${indent}${server} ${ids['auth-server']}, where the user decides\n\n`)
    },
    step(text) {
      steps++
      for (const part of wrapText(`${steps}. `, text).split('\n')) write(`${emphasize(part)}\n`)
    },
    response(url, status, meaning) {
      const { pathname } = new URL(url)
      const verdict = status < 400 ? `${status}` : `${status} refused:`
      write(`${indent}GET ${pathname.padEnd(11)} ${verdict} ${meaning}\n`)
    },
    page({ url, code, expiresAt }, users) {
      const until = new Date(expiresAt * 1000).toTimeString().slice(0, 5)
      line(`Open this page, and ${signInHint(users)}:`)
      write(`${indent}${url}\n`)
      line(`If it shows a code, the code should be ${code}.`)
      line(`The demo waits until ${until}; press Ctrl-C to stop.`)
    },
    end(authServer, keepsRunning) {
      write('\n')
      if (keepsRunning) {
        paragraph('', `Everything keeps running, including My agents at ${authServer}/account.`)
        paragraph('', 'Press Ctrl-C to stop.')
      } else paragraph('', 'Next: decide yourself with --browser, or see every message with --trace.')
    },
  }
}
