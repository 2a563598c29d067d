import type { ServerContext } from '../http/context.js'
import { PageError } from '../http/page-error.js'
import type { Visit } from '../http/visit.js'
import { decisionTerms } from './facts.js'
import { requireLink, requireStored } from './link.js'
import { allowPurpose, chosenDuration } from './proof.js'
import { readRevision } from './read-revision.js'

/** The purpose of the passkey challenge for an Allow, as its form states it; undefined: the form is no decision. */
export async function challengePurpose(context: ServerContext, visit: Visit): Promise<string | undefined> {
  const { form, session } = visit
  if (form.get('consent') !== 'grant') return undefined
  if (!session) throw new PageError('csrf')
  const request = await requireStored(context, requireLink(await context.transport.readLink(form)))
  const terms = await decisionTerms(context, { ...visit, session }, request)
  return allowPurpose({ request, revision: readRevision(form), duration: chosenDuration(terms, form), session })
}
