const given = new Set<string>()

/** Says once a process that a dangerous option is set. */
export function warnOnce(option: string, consequence: string): void {
  if (given.has(option)) return
  given.add(option)
  globalThis.process?.emitWarning?.(`${option}: ${consequence}`, 'CountersignWarning')
}
