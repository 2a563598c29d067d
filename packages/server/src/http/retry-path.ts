import type { ProblemPage } from '../pages/models.js'
import type { ServerContext } from './context.js'
import { localPath } from './local-path.js'

type Code = ProblemPage['code']

/** What may go well the next time, when the same page is opened again. */
const passing: ReadonlySet<Code> = new Set<Code>(['server_error', 'temporarily_unavailable'])
/** What may go well when the page of the form is opened again. */
const ofForms: ReadonlySet<Code> = new Set<Code>([...passing, 'csrf', 'bad_form'])

/**
 * Where a person can try again: the page that failed, or the page of this server whose form did. Undefined: trying again
 * would not help, or nobody knows where.
 */
export function retryPath(code: Code, request: Request, { issuer, transport }: ServerContext): string | undefined {
  if (request.method === 'GET') return passing.has(code) ? pathIn(request.url, transport.path) : undefined
  const page = request.headers.get('referer') ?? ''
  if (!ofForms.has(code) || !URL.canParse(page) || new URL(page).origin !== new URL(issuer).origin) return undefined
  return pathIn(page, transport.path)
}

function pathIn(address: string, requestPath: string): string | undefined {
  const { pathname, search } = new URL(address)
  // Shown in answer to a form: without the request in the address there is nothing to come back to.
  if (pathname === requestPath && search === '') return undefined
  const path = pathname + search
  return localPath(path) === path ? path : undefined
}
