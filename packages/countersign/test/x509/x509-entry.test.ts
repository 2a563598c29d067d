import { describe, expect, it } from 'vitest'
import { runWithout } from '../run-without.js'

const run = (program: string) => runWithout('@peculiar/asn1-x509', program, import.meta.dirname)

describe('without @peculiar/asn1-x509', () => {
  it.each(['countersign', 'countersign/agent', 'countersign/resource', 'countersign/node', 'countersign/editions'])(
    '%s can still be imported',
    async (entry) => {
      expect(await run(`console.log(Object.keys(await import('${entry}')).length > 0)`)).toBe('true')
    },
  )

  it('countersign/x509 says how to install it', async () => {
    const program = `await import('countersign/x509').catch(({ name, message }) => console.log(name, message))`
    expect(await run(program)).toBe(
      'MissingPackageError countersign/x509 needs packages that are not installed: npm install @peculiar/asn1-x509 @peculiar/asn1-schema',
    )
  })

  it('a server with roots names the setting in its error, and one without roots does not need the package', async () => {
    const read = (settings: string) =>
      run(`const { readCertificates } = await import('countersign-server')
        await readCertificates({ file: 'config.json', settings: ${settings} }).then(
          (finder) => console.log(finder),
          ({ problems }) => console.log(JSON.stringify(problems)),
        )`)
    expect(await read('{}')).toBe('undefined')
    expect(await read("{ certificateRoots: ['root.pem'] }")).toBe(
      '[{"setting":"certificateRoots","problem":"countersign/x509 needs packages that are not installed: npm install @peculiar/asn1-x509 @peculiar/asn1-schema"}]',
    )
  })
})
