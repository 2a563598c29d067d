import type { ConfigurationProblem } from './configuration-problem.js'

/** A configuration that the server does not start with; its message has a line for each wrong setting. */
export class ConfigurationError extends Error {
  readonly problems: readonly ConfigurationProblem[]

  constructor(source: string, problems: readonly ConfigurationProblem[], cause?: unknown) {
    const lines = problems.map(({ setting, problem }) => `  ${setting}: ${problem}`)
    super([`${source} cannot be used:`, ...lines].join('\n'), cause === undefined ? undefined : { cause })
    this.name = 'ConfigurationError'
    this.problems = problems
  }
}
