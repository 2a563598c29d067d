import { quoteForShell } from '../text/quote-for-shell.js'
import type { RenderableRequest } from './renderable-request.js'

/** What curl adds by itself. */
const automatic: ReadonlySet<string> = new Set(['Host', 'Content-Length'])

/** The request as a `curl` command for POSIX shells. `dataFile` is where the body came from, where it came from a file. */
export function renderCurl({ method, url, headers, body }: RenderableRequest, dataFile?: string): string {
  const sent = headers.filter(([name]) => !automatic.has(name))
  const data =
    dataFile === undefined
      ? ['--data-raw', quoteForShell(Buffer.from(body).toString('utf8'))]
      : ['--data-binary', quoteForShell(`@${dataFile}`)]
  const parts = [
    [
      'curl',
      '--globoff',
      '--path-as-is',
      method === 'HEAD' ? '--head' : `--request ${quoteForShell(method)}`,
      quoteForShell(url),
    ].join(' '),
    // An empty value would take the header away; with a semicolon curl sends it empty.
    ...sent.map(([name, value]) => `--header ${quoteForShell(value === '' ? `${name};` : `${name}: ${value}`)}`),
    ...(body.length > 0 ? [data.join(' ')] : []),
  ]
  return `${parts.join(' \\\n  ')}\n`
}
