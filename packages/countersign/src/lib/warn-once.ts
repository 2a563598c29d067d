const given = new Set<string>()

/** Says something once a process: what a dangerous option does, or why it does not work. */
export function warnOnce(about: string, consequence: string): void {
  if (given.has(about)) return
  given.add(about)
  globalThis.process?.emitWarning?.(`${about}: ${consequence}`, 'CountersignWarning')
}
