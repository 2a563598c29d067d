import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import ordinary from '../../vitest.config'

/** If the environment names a folder for it, each test file records the code that it ran. */
const setupFiles =
  process.env.COVERAGE_FOLDER === undefined ? [] : [new URL('coverage-setup.mjs', import.meta.url).pathname]
const projects = (ordinary.test?.projects ?? []) as { test: object }[]

/** In the order of the arguments: those that are most likely to fail come first. */
class AsGiven extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification) => process.argv.findIndex((path) => moduleId.endsWith(`/${path}`))
    return files.sort((a, b) => placeOf(a) - placeOf(b))
  }
}

/** The ordinary tests, one file after the other. */
export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  test: {
    ...ordinary.test,
    sequence: { sequencer: AsGiven },
    projects: projects.map((project) => ({ ...project, test: { ...project.test, setupFiles } })),
  },
})
