import { parseJsonObject } from 'countersign/tokens'
import { errorReason } from '../command/errors.js'
import { checking, type Finding } from './finding.js'
import { type Answer, ask } from './origin.js'

/** A document as clients read it, and what is wrong with how it is served. */
export interface ReadDocument {
  findings: Finding[]
  /** Undefined if clients cannot read it. */
  document: Readonly<Record<string, unknown>> | undefined
  /** Set if nothing responds at the URL's origin. */
  isUnreachable?: true
}

/** Fetches a document as MCP clients do: they follow no redirect to another origin, and expect JSON. @param missing how to serve it */
export async function readDocument(check: string, url: string, missing: string): Promise<ReadDocument> {
  const report = checking(check)
  const problem = (found: string, fix: string): ReadDocument => ({
    findings: [report.problem(found, fix)],
    document: undefined,
  })
  let answer: Answer
  try {
    answer = await get(url)
  } catch (error) {
    const found = `${url} gets no valid response: ${errorReason(error)}.`
    const fix = `Check that the server is running at ${new URL(url).origin}, and that this URL is correct.`
    return { ...problem(found, fix), isUnreachable: true }
  }
  const { status, headers, text } = answer
  if (headers.location !== undefined && status !== 200)
    return problem(
      `${url} is redirected to ${headers.location} (${status}).`,
      `${missing} Serve it without a redirect: clients and auth servers do not follow redirects to other origins.`,
    )
  if (status !== 200) return problem(`${url} returns ${status} instead of 200.`, missing)
  const type = headers['content-type'] ?? 'missing'
  const document = parseJsonObject(text)
  if (!document) return problem(`${url} returns no JSON object. Its Content-Type is ${type}.`, missing)
  if (/^application\/json(?:\s*;|$)/i.test(type)) return { findings: [], document }
  const fix = 'Send Content-Type: application/json, and configure the proxy to pass it on.'
  return { findings: [report.problem(`The Content-Type of ${url} is ${type}.`, fix)], document }
}

/**
 * Checks a URL that clients try when they find nothing elsewhere: an error of the server ends their search, and they would read a web page
 * as a document.
 */
export async function checkUnusedUrl(check: string, url: string): Promise<Finding> {
  const report = checking(check)
  const fix = `Configure the proxy to return 404 for ${new URL(url).pathname}, or to forward it to the server: clients also look there.`
  try {
    const { status, headers, text } = await get(url)
    const { location } = headers
    if (location !== undefined && URL.canParse(location, url) && new URL(location, url).origin !== new URL(url).origin)
      return report.problem(`${url} is redirected to ${location} (${status}).`, fix)
    if (status >= 500) return report.problem(`${url} returns ${status} instead of 404.`, fix)
    if (status === 200 && !parseJsonObject(text))
      return report.problem(`${url} returns a page instead of 404 or JSON.`, fix)
    return report.ok(`${url} returns ${status}.`)
  } catch (error) {
    return report.problem(`${url} gets no valid response: ${errorReason(error)}.`, fix)
  }
}

/** Checks that scripts of any origin may read a document, with the header that MCP clients send. */
export async function checkOrigins(check: string, url: string): Promise<Finding> {
  const report = checking(check)
  const asked = new URL(url)
  const target = asked.pathname + asked.search
  const origin = 'https://client.example'
  const preflighted = {
    'access-control-request-method': 'GET',
    'access-control-request-headers': 'mcp-protocol-version',
  }
  const options = { method: 'OPTIONS', headers: { origin, ...preflighted } }
  try {
    const [{ headers }, preflight] = await Promise.all([
      ask(asked, target, { headers: { origin } }),
      ask(asked, target, options),
    ])
    const allows = (value: unknown) => value === '*' || value === origin
    const allowed = String(preflight.headers['access-control-allow-headers'] ?? '')
      .toLowerCase()
      .split(/\s*,\s*/)
    const isReadable =
      allows(headers['access-control-allow-origin']) &&
      preflight.status < 300 &&
      allows(preflight.headers['access-control-allow-origin']) &&
      (allowed.includes('*') || allowed.includes('mcp-protocol-version'))
    if (isReadable) return report.ok(`Clients that run in a web page can read ${url}.`)
  } catch (error) {
    return report.warning(`A preflight request gets no valid response: ${errorReason(error)}.`, allowAll)
  }
  return report.warning(`Clients that run in a web page cannot read ${url}.`, allowAll)
}

const allowAll =
  'Configure the proxy to forward OPTIONS, and to pass on Access-Control-Allow-Origin and Access-Control-Allow-Headers.'

function get(url: string): Promise<Answer> {
  const asked = new URL(url)
  const headers = { accept: 'application/json', 'mcp-protocol-version': '2025-11-25' }
  return ask(asked, asked.pathname + asked.search, { headers })
}
