import { defineConfig } from 'vitest/config'
import ordinary from '../../vitest.config'

const setup = new URL('coverage-setup.mjs', import.meta.url).pathname
const projects = (ordinary.test?.projects ?? []) as { test: object }[]

/** The ordinary tests, each of which records the code that it ran. */
export default defineConfig({
  root: new URL('../..', import.meta.url).pathname,
  test: {
    ...ordinary.test,
    projects: projects.map((project) => ({ ...project, test: { ...project.test, setupFiles: [setup] } })),
  },
})
