import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import ordinary from '../../vitest.config'

const [project] = (ordinary.test?.projects ?? []) as { resolve: object; test: object }[]

/** In the order of the arguments: those that are most likely to fail come first. */
class AsGiven extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification) => process.argv.findIndex((path) => moduleId.endsWith(`/${path}`))
    return files.sort((a, b) => placeOf(a) - placeOf(b))
  }
}

/** The ordinary tests, one file after the other in one process, with mutants if the environment names a plan for them. */
export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  resolve: project?.resolve,
  test: {
    ...project?.test,
    include: ['packages/*/test/**/*.test.ts', 'packages/*/test/**/*.test.tsx'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    isolate: false,
    fileParallelism: false,
    maxWorkers: 1,
    sequence: { sequencer: AsGiven },
    reporters: [],
    ...(process.env.MUTANTS_PLAN === undefined
      ? {}
      : { runner: new URL('runner.mjs', import.meta.url).pathname, dangerouslyIgnoreUnhandledErrors: true }),
  },
})
