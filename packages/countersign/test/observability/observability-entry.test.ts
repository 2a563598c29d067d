import { expect, it } from 'vitest'
import { runWithout } from '../run-without.js'

const run = (program: string) => runWithout('prom-client', program, import.meta.dirname)

it.each(['countersign', 'countersign/log', 'countersign/resource', 'countersign-server', 'countersign-gateway'])(
  '%s can be imported without prom-client',
  async (entry) => {
    expect(await run(`console.log(Object.keys(await import('${entry}')).length > 0)`)).toBe('true')
  },
)

it('countersign/metrics says how to install prom-client if it is missing', async () => {
  const program = `await import('countersign/metrics').catch(({ name, message }) => console.log(name, message))`
  expect(await run(program)).toBe(
    'MissingPackageError countersign/metrics needs a package that is not installed: npm install prom-client',
  )
})
