import type { RenderableRequest } from './renderable-request.js'

/** What curl adds by itself. */
const automatic: ReadonlySet<string> = new Set(['Host', 'Content-Length'])

/** The request as a `curl` command for POSIX shells. `dataFile` is where the body came from, where it came from a file. */
export function renderCurl({ method, url, headers, body }: RenderableRequest, dataFile?: string): string {
  const sent = headers.filter(([name]) => !automatic.has(name))
  const data =
    dataFile === undefined
      ? ['--data-raw', quote(Buffer.from(body).toString('utf8'))]
      : ['--data-binary', quote(`@${dataFile}`)]
  const parts = [
    ['curl', '--globoff', '--path-as-is', method === 'HEAD' ? '--head' : `--request ${quote(method)}`, quote(url)].join(
      ' ',
    ),
    // An empty value would take the header away; with a semicolon curl sends it empty.
    ...sent.map(([name, value]) => `--header ${quote(value === '' ? `${name};` : `${name}: ${value}`)}`),
    ...(body.length > 0 ? [data.join(' ')] : []),
  ]
  return `${parts.join(' \\\n  ')}\n`
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
