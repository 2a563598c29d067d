import { PageError } from '../http/page-error.js'

/** The revision of the page that was submitted; scripted users may leave it out. */
export function readRevision(form: ReadonlyMap<string, string>): number | undefined {
  const revision = form.get('revision')
  if (revision !== undefined && !/^\d{1,9}$/.test(revision)) throw new PageError('bad_form')
  return revision === undefined ? undefined : Number(revision)
}
