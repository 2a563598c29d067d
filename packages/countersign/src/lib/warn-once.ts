const given = new Set<string>()
const mostGiven = 1000

/**
 * Says something once about one thing: what a dangerous option does, or why it does not work.
 *
 * @param of whose it is, such as the identifier of an agent or a resource: two of them are warned of apart
 */
export function warnOnce(of: string, about: string, consequence: string): void {
  const text = `${of} ${about}`
  if (given.has(text)) return
  if (given.size >= mostGiven) given.clear()
  given.add(text)
  globalThis.process?.emitWarning?.(`${about}: ${consequence}`, 'CountersignWarning')
}
