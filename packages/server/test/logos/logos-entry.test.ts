import { expect, it } from 'vitest'
import { runWithout } from '../../../countersign/test/run-without.js'

const run = (program: string) => runWithout('@cf-wasm/photon/others', program, import.meta.dirname)
const missing = 'countersign-server/logos needs a package that is not installed: npm install @cf-wasm/photon'

it('is the only part that needs @cf-wasm/photon: the root entry is imported without it', async () => {
  expect(await run(`console.log(typeof (await import('countersign-server')).createAuthServer)`)).toBe('function')
})

it('explains how to install @cf-wasm/photon if it is missing', async () => {
  const program = `await import('countersign-server/logos').catch(({ name, message }) => console.log(name, message))`
  expect(await run(program)).toBe(`MissingPackageError ${missing}`)
})

it('is loaded only by a configuration that shows logos', async () => {
  const load = (logos: boolean) =>
    run(`const { loadLogoReEncoder } = await import('countersign-server')
      await loadLogoReEncoder({ file: 'config.json', settings: { pages: { logos: ${logos} } } }).then(
        (encoder) => console.log(encoder),
        ({ problems }) => console.log(problems[0].setting, problems[0].problem),
      )`)
  expect(await load(false)).toBe('undefined')
  expect(await load(true)).toBe(
    `pages.logos ${missing}, or set pages.logos to false, so that pages show a letter for each agent`,
  )
})
