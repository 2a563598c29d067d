/** One setting that is wrong, and what to do about it. */
export interface ConfigurationProblem {
  /** As in the file: `listen.port`. */
  setting: string
  problem: string
}
