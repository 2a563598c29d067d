import type { ConsentRequest } from '../../editions/agent-protocol.js'

/** What a pasted address must belong to. */
export interface PastedFor {
  consent: Pick<ConsentRequest, 'url' | 'authServer'>
  redirectUri: string
}

/**
 * Why an address that a person pasted is not where their browser came back to with the answer of a consent, in a sentence for
 * them; undefined: it is. Whoever pastes may be told by somebody else what to paste, so all of it must fit (attacks L09).
 */
export function pastedProblem(text: string, { consent, redirectUri }: PastedFor): string | undefined {
  if (!URL.canParse(text)) return 'That is no whole address: copy all that the browser shows in its address bar.'
  const { origin, pathname, searchParams } = new URL(text)
  const expected = new URL(redirectUri)
  if (origin !== expected.origin || pathname !== expected.pathname)
    return `That is another address: the one to paste begins with ${redirectUri}`
  const only = (name: string) => (searchParams.getAll(name).length === 1 ? searchParams.get(name) : undefined)
  if (only('state') !== new URL(consent.url).searchParams.get('state'))
    return 'That address belongs to another request, so it was not used.'
  if (only('iss') !== consent.authServer) return `That address does not come from ${consent.authServer}.`
  const answers = [only('code'), only('error')].filter((value) => typeof value === 'string')
  return answers.length === 1 ? undefined : 'That address holds no answer: copy all of it.'
}
